/* SPDX-License-Identifier: MIT */
#include "enrich/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/log.h"
#include "enrich/pods.h"
#include "stats/stats.h"

/* Slots of the table, twice CGROUPS_MAX: a probe ends soon. */
#define SLOTS_ORDER 14
#define SLOTS	    (1 << SLOTS_ORDER)
_Static_assert(SLOTS >= 2 * CGROUPS_MAX, "never full");

/* Depth of the tree; systemd within a container within a pod has some 10 levels. */
#define DEPTH_MAX 32
#define PATH_LEN  4096

/* The text of /proc/PID/cgroup: version 1 has a dozen lines. */
#define CGROUP_TEXT_MAX 16384

/* Ids of places that a process told: the kernel's ids grow from 1 and never get there. */
#define PROCESS_ID (UINT64_C(1) << 63)

/* An id that no walk has found is looked for again after this many polls. */
#define RETRY_POLLS 16

/* Times that names of a pod are looked for, a poll apart: the kubelet makes its files a moment later. */
#define NAME_ATTEMPTS 8

/* Links of a directory without subdirectories. */
#define LEAF_LINKS 2

struct slot {
	uint64_t id;	     /* 0: free */
	struct place *place; /* NULL: no such cgroup */
	uint32_t used;	     /* poll that asked for it last */
	uint32_t named;	     /* poll in which names were looked for last */
	uint8_t attempts;
};

struct cgroups {
	pthread_mutex_t lock; /* guards all of it */
	int root_fd;	      /* of the cgroup2 mount; -1 for none */
	uint32_t poll, walked;
	size_t count;
	bool told_full;
	struct place **old; /* replaced; freed when no poll runs */
	size_t old_count;
	struct slot slots[SLOTS];
};

struct walk {
	struct cgroups *c;
	int64_t until;
	unsigned depth;
	size_t len;
	char path[PATH_LEN];
};

/* Where the first cgroup2 file system is mounted, -1 with errno. */
static int open_mount(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	char path[PATH_LEN];
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		const char *type = strstr(line, " - ");
		if (!type || strncmp(type, " - cgroup2 ", strlen(" - cgroup2 ")) != 0 ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
			continue;
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	errno = ENOENT;
	return -1;
}

struct cgroups *cgroups_new(void)
{
	struct cgroups *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->poll = 1;
	c->root_fd = open_mount();
	return c;
}

static void free_old(struct cgroups *c)
{
	while (c->old_count > 0)
		free(c->old[--c->old_count]);
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slots[i].place);
	free_old(c);
	free(c->old);
	cleanup_closep(&c->root_fd);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The slot of the id, or the free one where it belongs. */
static struct slot *slot_of(struct cgroups *c, uint64_t id)
{
	size_t at = hash_slot(id, SLOTS_ORDER);

	while (c->slots[at % SLOTS].id && c->slots[at % SLOTS].id != id)
		at++;
	return &c->slots[at % SLOTS];
}

/* Take a free slot; NULL when the table is full. */
static struct slot *slot_take(struct cgroups *c, uint64_t id)
{
	struct slot *s = slot_of(c, id);

	if (s->id)
		return s;
	if (c->count >= CGROUPS_MAX) {
		if (!c->told_full)
			log_notice("cgroups",
				   "more than %d cgroups: sockets of the others have no container, "
				   "pod and unit",
				   CGROUPS_MAX);
		c->told_full = true;
		return NULL;
	}
	c->count++;
	*s = (struct slot){.id = id, .used = c->poll};
	return s;
}

static void add(struct cgroups *c, uint64_t id, const char *path)
{
	struct slot *s = slot_take(c, id);

	if (!s || s->place)
		return;
	s->place = malloc(sizeof(*s->place));
	if (s->place)
		place_parse(path, s->place);
	s->attempts = 0;
}

static void walk_directory(struct walk *w, int fd);

/* Append the name to the path and go down; the path is as before afterwards. */
static void walk_down(struct walk *w, int dir_fd, const struct dirent *d)
{
	size_t before = w->len, len = strlen(d->d_name);
	struct stat st;

	if (before + 1 + len >= sizeof(w->path))
		return;
	w->path[before] = '/';
	memcpy(w->path + before + 1, d->d_name, len + 1);
	w->len += 1 + len;
	add(w->c, d->d_ino, w->path);
	if (w->depth < DEPTH_MAX && fstatat(dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_nlink > LEAF_LINKS) {
		int fd = openat(dir_fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0) {
			w->depth++;
			walk_directory(w, fd);
			w->depth--;
		}
	}
	w->len = before;
	w->path[before] = '\0';
}

/* Takes over fd. */
static void walk_directory(struct walk *w, int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		close(fd);
		return;
	}
	while (clock_mono_ns() < w->until && (d = readdir(dir))) {
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			walk_down(w, dirfd(dir), d);
	}
	closedir(dir);
}

/* Under the lock: once per poll. */
static void walk_tree(struct cgroups *c)
{
	struct stat st;

	if (c->walked == c->poll || c->root_fd < 0)
		return;
	c->walked = c->poll;
	struct walk w = {.c = c, .until = clock_mono_ns() + CGROUPS_WALK_NS};
	int fd = openat(c->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0)
		add(c, st.st_ino, "/");
	walk_directory(&w, fd);
	stat_add(STAT_CGROUP_WALKS, 1);
}

/* Make the place anew: who reads the old one may go on until no poll runs. */
static void replace(struct cgroups *c, struct slot *s, const struct place *with)
{
	struct place **old = reallocarray(c->old, c->old_count + 1, sizeof(*old));

	if (old)
		c->old = old;
	struct place *place = old ? malloc(sizeof(*place)) : NULL;
	if (!place)
		return;
	*place = *with;
	c->old[c->old_count++] = s->place;
	s->place = place;
}

/* Look for the names of a pod, once per poll. */
static void look_for_names(struct cgroups *c, struct slot *s)
{
	if (!s->place->pod_uid[0] || s->place->pod_name[0] || s->attempts >= NAME_ATTEMPTS ||
	    s->named == c->poll)
		return;
	s->attempts++;
	s->named = c->poll;
	struct place with = *s->place;
	if (pods_name(&with))
		replace(c, s, &with);
}

const struct place *cgroups_find(struct cgroups *c, uint64_t id)
{
	if (id == 0)
		return NULL;
	pthread_mutex_lock(&c->lock);
	struct slot *s = slot_of(c, id);
	bool unknown = s->id == 0 || (!s->place && c->poll - s->used >= RETRY_POLLS);
	if (unknown && !(id & PROCESS_ID)) {
		walk_tree(c);
		s = slot_take(c, id);
		if (s)
			s->used = c->poll;
	}
	if (s && s->place) {
		s->used = c->poll;
		look_for_names(c, s);
	}
	const struct place *place = s ? s->place : NULL;
	pthread_mutex_unlock(&c->lock);
	return place;
}

bool cgroups_recall(struct cgroups *c, uint64_t id, struct place *place)
{
	pthread_mutex_lock(&c->lock);
	const struct slot *s = slot_of(c, id);
	if (s->place)
		*place = *s->place;
	bool found = s->place != NULL;
	pthread_mutex_unlock(&c->lock);
	return found;
}

/* FNV-1a. */
static uint64_t id_of_text(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h | PROCESS_ID;
}

uint64_t cgroups_of_process(struct cgroups *c, int proc_fd, uint32_t pid)
{
	char path[32], text[CGROUP_TEXT_MAX];

	snprintf(path, sizeof(path), "%u/cgroup", pid);
	_cleanup_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	uint64_t id = id_of_text(text);
	pthread_mutex_lock(&c->lock);
	add(c, id, text);
	pthread_mutex_unlock(&c->lock);
	return id;
}

/* Rebuild the table without places that nobody has asked for lately. */
static void forget(struct cgroups *c)
{
	struct slot *kept = malloc(sizeof(c->slots));
	size_t n = 0;

	if (!kept)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		if (c->slots[i].id && c->poll - c->slots[i].used < CGROUPS_KEPT_POLLS)
			kept[n++] = c->slots[i];
		else
			free(c->slots[i].place);
	}
	memset(c->slots, 0, sizeof(c->slots));
	for (size_t i = 0; i < n; i++)
		*slot_of(c, kept[i].id) = kept[i];
	c->count = n;
	free(kept);
}

void cgroups_poll_begins(struct cgroups *c)
{
	pthread_mutex_lock(&c->lock);
	c->poll++;
	free_old(c);
	if (c->count > CGROUPS_MAX / 2)
		forget(c);
	pthread_mutex_unlock(&c->lock);
}

void cgroups_each_unnamed(struct cgroups *c, bool (*fn)(void *data, struct place *place), void *data)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &c->slots[i];
		if (!s->place || !s->place->container.id[0] ||
		    (s->place->container.name[0] && s->place->container.image[0]))
			continue;
		struct place with = *s->place;
		if (fn(data, &with))
			replace(c, s, &with);
	}
	pthread_mutex_unlock(&c->lock);
}
