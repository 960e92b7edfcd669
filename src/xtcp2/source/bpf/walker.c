/* SPDX-License-Identifier: MIT */
#include "source/bpf/walker.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "walk.skel.h"

/* libbpf explains failures in lines of text; they help whoever debugs, one line of ours tells the operator. */
static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (level == LIBBPF_DEBUG || vasprintf(&text, format, args) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_debug("bpf", "%s", line);
	return 0;
}

static int map_slots(struct walker *w)
{
	struct bpf_map *map = w->skeleton->maps.slots;

	w->slots_size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *memory = mmap(NULL, w->slots_size, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		return -errno;
	w->slots = memory;
	return 0;
}

/* Say what a failure to load means. */
static void explain(int error, char *text, size_t size)
{
	if (error == -EPERM)
		snprintf(text, size,
			 "the kernel refuses the program (%s): CAP_BPF and CAP_PERFMON are needed",
			 strerror(-error));
	else
		snprintf(text, size, "the kernel cannot load the program (%s; -d 7 shows its reasons)",
			 strerror(-error));
}

static int load(struct walker *w, char *error, size_t size)
{
	w->skeleton = walk__open();
	if (!w->skeleton) {
		int r = -errno;
		explain(r, error, size);
		return r;
	}
	memcpy((void *)&w->skeleton->rodata->layout, &w->layout.walk, sizeof(w->layout.walk));
	int r = walk__load(w->skeleton);
	if (r == 0)
		r = map_slots(w);
	if (r < 0) {
		explain(r, error, size);
		return r;
	}
	w->request = &w->skeleton->bss->request;
	w->answer = &w->skeleton->bss->answer;
	w->nets = &w->skeleton->bss->nets;
	w->walk_fd = bpf_program__fd(w->skeleton->progs.walk);
	w->nets_fd = bpf_program__fd(w->skeleton->progs.list_nets);
	return 0;
}

struct walker *walker_new(char *error, size_t size)
{
	struct walker *w = calloc(1, sizeof(*w));

	if (!w) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	libbpf_set_print(print);
	int r = layout_read(&w->layout);
	if (r < 0)
		snprintf(error, size, "%s", w->layout.error);
	else
		r = load(w, error, size);
	malloc_trim(0);
	if (r < 0) {
		walker_free(w);
		errno = -r;
		return NULL;
	}
	return w;
}

void walker_free(struct walker *w)
{
	if (!w)
		return;
	if (w->slots)
		munmap((void *)w->slots, w->slots_size);
	walk__destroy(w->skeleton);
	free(w);
}

static int run(int fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int r = bpf_prog_test_run_opts(fd, &options);

	return r < 0 ? r : 0;
}

int walker_run(struct walker *w)
{
	return run(w->walk_fd);
}

int walker_run_nets(struct walker *w)
{
	return run(w->nets_fd);
}
