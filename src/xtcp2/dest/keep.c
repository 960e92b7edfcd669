/* SPDX-License-Identifier: MIT */
#include "dest/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "stats/stats.h"

#define SUBSYSTEM  "destination"
/* Most files that are looked at in one go: bounds the memory of the list. */
#define FILES_MAX  100000
/* Interval between two log lines about a file that cannot be deleted. */
#define REPORT_NS  (60 * NS_PER_SEC)
#define END_SUFFIX ".end"

struct found {
	int64_t modified_ns;
	uint64_t size;
	char *path;
};

struct list {
	const struct file_name *f;
	struct found *files;
	size_t count, room;
};

static bool grow(struct list *l)
{
	if (l->count < l->room)
		return true;
	size_t room = l->room ? 2 * l->room : 64;
	struct found *files = realloc(l->files, room * sizeof(*files));
	if (!files)
		return false;
	l->files = files;
	l->room = room;
	return true;
}

static void add_found(void *data, int dir, const char *directory, const char *name)
{
	struct list *l = data;
	struct stat st;
	char *path;

	/* Of more, the rest is looked at next time, when the first are gone. */
	if (l->count == FILES_MAX || !file_name_is_own(l->f, name) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || !grow(l) ||
	    asprintf(&path, "%s/%s", directory, name) < 0)
		return;
	l->files[l->count++] = (struct found){
	    .modified_ns = st.st_mtim.tv_sec * NS_PER_SEC + st.st_mtim.tv_nsec,
	    .size = (uint64_t)st.st_size,
	    .path = path,
	};
}

static int by_age(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->modified_ns != y->modified_ns)
		return x->modified_ns < y->modified_ns ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

struct doomed {
	struct found *files; /* by path */
	size_t count;
	const char *name;
};

/* Delete an entry of a directory that was reached without a link, if it is on the list and a regular file. */
static void delete_one(void *data, int dir, const char *directory, const char *name)
{
	static struct log_repeat limit;
	struct doomed *d = data;
	char path[2 * FILE_PATH_MAX];
	struct stat st;
	uint64_t suppressed;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	struct found key = {.path = path};
	if (!bsearch(&key, d->files, d->count, sizeof(*d->files), by_path) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	if (unlinkat(dir, name, 0) == 0) {
		stat_add(STAT_FILES_DELETED, 1);
		return;
	}
	stat_add(STAT_FILE_ERRORS, 1);
	if (log_repeat_pass(&limit, REPORT_NS, path, strlen(path), &suppressed))
		log_warn(SUBSYSTEM, "%s: %s cannot be deleted (-fileKeepAge, -fileKeepBytes): %s", d->name,
			 path, strerror(errno));
}

void keep_apply(const struct keep *k, const struct file_name *f, const char *name)
{
	struct list l = {.f = f};
	struct doomed doomed = {.name = name};
	uint64_t total = 0;
	int64_t now = clock_real_ns();

	if ((!k->age_ns && !k->bytes) || file_name_walk(f, false, add_found, &l) < 0)
		return;
	qsort(l.files, l.count, sizeof(*l.files), by_age);
	for (size_t i = 0; i < l.count; i++)
		total += l.files[i].size;
	for (; doomed.count < l.count; doomed.count++) {
		const struct found *file = &l.files[doomed.count];
		bool old = k->age_ns && file->modified_ns < now - k->age_ns;
		bool much = k->bytes && total > k->bytes && doomed.count + 1 < l.count;
		if (!old && !much)
			break;
		total -= file->size;
	}
	if (doomed.count > 0) {
		doomed.files = l.files;
		qsort(doomed.files, doomed.count, sizeof(*doomed.files), by_path);
		file_name_walk(f, true, delete_one, &doomed);
	}
	for (size_t i = 0; i < l.count; i++)
		free(l.files[i].path);
	free(l.files);
}

struct recovery {
	const struct file_name *f;
	enum whole_sync sync;
	const char *name;
	void (*done)(void *data, const char *directory, const char *file);
	void *data;
};

/* The mark of a file that has its name already: the crash came between the two. */
static void remove_stray_end(const struct recovery *r, int dir, const char *file)
{
	size_t len = strlen(file), suffix = strlen(END_SUFFIX);
	char part[WHOLE_NAME_SIZE], name[WHOLE_NAME_MAX + 1];
	struct stat st;

	if (len <= suffix || len >= sizeof(part) || strcmp(file + len - suffix, END_SUFFIX) != 0)
		return;
	snprintf(part, sizeof(part), "%.*s", (int)(len - suffix), file);
	if (whole_is_part(part, name) && file_name_is_own(r->f, name) &&
	    fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		unlinkat(dir, file, 0);
}

static void recover_one(void *data, int dir, const char *directory, const char *file)
{
	struct recovery *r = data;
	char name[WHOLE_NAME_MAX + 1], finished[WHOLE_NAME_SIZE];

	remove_stray_end(r, dir, file);
	if (!whole_is_part(file, name) || !file_name_is_own(r->f, name))
		return;
	int err = whole_recover(directory, name, r->sync, finished);
	if (err == -EBUSY)
		return;
	if (err < 0) {
		stat_add(STAT_FILE_ERRORS, 1);
		log_warn(
		    SUBSYSTEM,
		    "%s: %s/%s was left unfinished and cannot be completed (%s): look at it, then remove it",
		    r->name, directory, file, strerror(-err));
		return;
	}
	if (!finished[0]) {
		log_notice(SUBSYSTEM, "%s: %s/%s was left before anything was delivered to it: removed",
			   r->name, directory, file);
		return;
	}
	stat_add(STAT_FILES_RECOVERED, 1);
	log_notice(SUBSYSTEM, "%s: %s/%s was left unfinished: completed as %s", r->name, directory, file,
		   finished);
	if (r->done)
		r->done(r->data, directory, finished);
}

void keep_recover(const struct file_name *f, enum whole_sync sync, const char *name,
		  void (*done)(void *data, const char *directory, const char *file), void *data)
{
	struct recovery r = {f, sync, name, done, data};

	file_name_walk(f, false, recover_one, &r);
}
