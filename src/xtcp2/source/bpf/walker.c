/* SPDX-License-Identifier: MIT */
#include "source/bpf/walker.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pages.h"
#include "walk.skel.h"

/* The kernel gives whole descriptors of a buffer as large as its own (BPF_SEQ_FILE_SIZE: 8 pages of 4 KiB or more). */
#define DESCRIPTORS_BYTES (512 * 1024)

/* libbpf explains failures in lines of text; they help whoever debugs, one line of ours tells the operator. */
__attribute__((format(printf, 2, 0))) static int print(enum libbpf_print_level level, const char *format,
						       va_list args)
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
	size_t size = sizeof(struct walk_slot) * WALK_SLOTS;
	void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, w->fds[WALKER_SLOTS], 0);

	if (memory == MAP_FAILED)
		return -errno;
	w->slots = memory;
	w->slots_size = size;
	return 0;
}

static void point_into(struct walker *w, struct walk__bss *shared)
{
	w->request = &shared->request;
	w->answer = &shared->answer;
	w->nets = &shared->nets;
}

/*
 * Whether the kernel interprets programs: then it refuses the callbacks of bpf_loop(). Both files are those of the first
 * network namespace alone, and one of them is on each kernel.
 */
static bool is_interpreter(void)
{
	char enabled = '1';
	_cleanup_close_ int fd = open("/proc/sys/net/core/bpf_jit_enable", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT && access("/proc/sys/net/core/dev_weight", F_OK) == 0;
	return read(fd, &enabled, 1) == 1 && enabled == '0';
}

/* Say what a failure to load means. */
static void explain(int error, char *text, size_t size)
{
	if (error == -EPERM)
		snprintf(
		    text, size,
		    "the kernel refuses the program (%s): it takes CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, "
		    "and the system call bpf",
		    strerror(-error));
	else if (is_interpreter())
		snprintf(text, size,
			 "this kernel has no compiler for BPF (CONFIG_BPF_JIT, net.core.bpf_jit_enable)");
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
	if (r < 0) {
		explain(r, error, size);
		return r;
	}
	w->fds[WALKER_SLOTS] = bpf_map__fd(w->skeleton->maps.slots);
	w->fds[WALKER_SHARED] = bpf_map__fd(w->skeleton->maps.bss);
	w->fds[WALKER_WALK] = bpf_program__fd(w->skeleton->progs.walk);
	w->fds[WALKER_NETS] = bpf_program__fd(w->skeleton->progs.list_nets);
	w->descriptors = bpf_program__attach_iter(w->skeleton->progs.list_descriptors, NULL);
	if (w->descriptors)
		w->processes = bpf_program__attach_iter(w->skeleton->progs.list_processes, NULL);
	if (!w->processes) {
		r = -errno;
		explain(r, error, size);
		return r;
	}
	w->fds[WALKER_DESCRIPTORS] = bpf_link__fd(w->descriptors);
	w->fds[WALKER_PROCESSES] = bpf_link__fd(w->processes);
	point_into(w, w->skeleton->bss);
	r = map_slots(w);
	if (r < 0)
		snprintf(error, size, "the memory of the program cannot be mapped: %s", strerror(-r));
	return r;
}

/* The memory that libbpf maps for a loaded program, mapped by hand. */
static int map_shared(struct walker *w)
{
	size_t size = pages_up(sizeof(struct walk__bss));
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fds[WALKER_SHARED], 0);

	if (memory == MAP_FAILED)
		return -errno;
	w->shared = memory;
	w->shared_size = size;
	point_into(w, memory);
	return 0;
}

/*
 * Load the shortest program of the walk's kind, and forget it: who may not do that is told before the kernel's type
 * information is read. 0 or -errno with a clause.
 */
static int try_to_load(char *error, size_t size)
{
	static const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
						{.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "try", "Dual MIT/GPL", insns, ARRAY_SIZE(insns),
			       NULL);
	int r = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	else
		explain(r, error, size);
	return r;
}

/* With its layout; NULL with errno and a clause. */
static struct walker *begin(char *error, size_t size)
{
	struct walker *w = calloc(1, sizeof(*w));

	if (!w) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	int r = layout_read(&w->layout);
	if (r == 0)
		return w;
	snprintf(error, size, "%s", w->layout.error);
	free(w);
	errno = -r;
	return NULL;
}

/* The walker, or NULL with errno when r tells of an error. Memory that only the start needed goes back. */
static struct walker *finish(struct walker *w, int r)
{
	malloc_trim(0);
	if (r == 0)
		return w;
	walker_free(w);
	errno = -r;
	return NULL;
}

struct walker *walker_new(char *error, size_t size)
{
	libbpf_set_print(print);
	int r = try_to_load(error, size);
	struct walker *w = r == 0 ? begin(error, size) : NULL;

	if (r < 0)
		errno = -r;
	return w ? finish(w, load(w, error, size)) : NULL;
}

struct walker *walker_adopt(const int fds[WALKER_FDS], char *error, size_t size)
{
	struct walker *w = begin(error, size);

	if (!w) {
		for (int i = 0; i < WALKER_FDS; i++)
			close(fds[i]);
		return NULL;
	}
	memcpy(w->fds, fds, sizeof(w->fds));
	int r = map_shared(w);
	if (r == 0)
		r = map_slots(w);
	if (r < 0)
		snprintf(error, size, "the memory of the program cannot be mapped: %s", strerror(-r));
	return finish(w, r);
}

void walker_free(struct walker *w)
{
	if (!w)
		return;
	if (w->slots)
		munmap((void *)w->slots, w->slots_size);
	if (w->shared)
		munmap(w->shared, w->shared_size);
	for (int i = 0; i < WALKER_FDS && !w->skeleton; i++)
		close(w->fds[i]);
	bpf_link__destroy(w->descriptors);
	bpf_link__destroy(w->processes);
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
	return run(w->fds[WALKER_WALK]);
}

int walker_run_nets(struct walker *w)
{
	return run(w->fds[WALKER_NETS]);
}

int walker_descriptors(struct walker *w, int64_t deadline_ns,
		       int (*fn)(void *data, const struct walk_descriptor *descriptor), void *data)
{
	_cleanup_free_ struct walk_descriptor *batch = malloc(DESCRIPTORS_BYTES);
	_cleanup_close_ int fd = batch ? bpf_iter_create(w->fds[WALKER_DESCRIPTORS]) : -1;

	if (fd < 0)
		return batch ? -errno : -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, batch, DESCRIPTORS_BYTES);
		if (n == 0)
			return 0;
		/* The kernel pauses after a million descriptors of other kinds. */
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*batch); i++) {
			int r = fn(data, &batch[i]);
			if (r < 0)
				return r;
		}
		if (clock_mono_ns() >= deadline_ns)
			return -ETIMEDOUT;
	}
}

int walker_processes(struct walker *w, void (*fn)(void *data, pid_t pid, ino_t inode), void *data)
{
	struct walk_process batch[1024];
	_cleanup_close_ int fd = bpf_iter_create(w->fds[WALKER_PROCESSES]);

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, batch, sizeof(batch));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*batch); i++)
			fn(data, (pid_t)batch[i].pid, batch[i].net_inode);
	}
}
