/* SPDX-License-Identifier: MIT */
#include "dest/s3_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "record/encoder.h"
#include "stats/stats.h"

#define SUBSYSTEM "s3"
#define REFUSED	  ".refused"
#define DIGITS	  "0123456789"
/* Interval between two looks for directories that have become empty. */
#define TIDY_NS	  (3600 * NS_PER_SEC)
/* Interval between two log lines about a file that cannot be moved or removed. */
#define REPORT_NS (60 * NS_PER_SEC)

struct s3_file_name s3_file_name(const char *file)
{
	struct s3_file_name n = {.object = strlen(file)};
	size_t suffix = strlen(REFUSED);

	n.refused = n.object > suffix && strcmp(file + n.object - suffix, REFUSED) == 0;
	if (n.refused)
		n.object -= suffix;
	const char *plus = memrchr(file, '+', n.object);
	size_t digits = plus ? strspn(plus + 1, DIGITS) : 0;
	if (digits > 0 && plus + 1 + digits == file + n.object) {
		n.records = strtoull(plus + 1, NULL, 10);
		n.object = (size_t)(plus - file);
	}
	return n;
}

void s3_key(struct buf *key, const char *prefix, const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;

	if (*prefix)
		buf_printf(key, "%s/", prefix);
	buf_append(key, path, (size_t)(file - path));
	buf_printf(key, "host=%.*s/%.*s", (int)strcspn(file, (char[]){S3_HOST_END, '\0'}), file,
		   (int)s3_file_name(file).object, file);
}

const char *s3_content_type(const char *path)
{
	size_t len = s3_file_name(path).object;
	const char *dot = memrchr(path, '.', len), *suffix = dot ? dot + 1 : path + len;

	len -= (size_t)(suffix - path);
#define IS(text) (strlen(text) == len && memcmp(suffix, text, len) == 0)
	if (IS("gz"))
		return "application/gzip";
	if (IS("zst"))
		return "application/zstd";
	for (const struct encoder_ops *ops = encoder_table; ops->name; ops++)
		if (IS(ops->suffix))
			return ops->content_type;
#undef IS
	return "application/octet-stream";
}

/* Unfinished files begin with a dot, finished ones without a host have not got their name yet. */
static void list_one(void *data, int dir, const char *directory, const char *name)
{
	struct s3_spool *s = data;
	struct stat st;

	if (name[0] == '.' || !strchr(name, S3_HOST_END) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	struct s3_files *files = s3_file_name(name).refused ? &s->refused : &s->waiting;
	files->number++;
	files->bytes += (uint64_t)st.st_size;
	if (files->count < S3_FILES_MAX &&
	    asprintf(&files->paths[files->count], "%s/%s", directory, name) > 0)
		files->count++;
}

/* By date and hour; within an hour by host and time. */
static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void forget(struct s3_files *files)
{
	while (files->count > 0)
		free(files->paths[--files->count]);
	files->number = 0;
	files->bytes = 0;
}

void s3_spool_forget(struct s3_spool *s)
{
	forget(&s->waiting);
	forget(&s->refused);
}

/* Drop the oldest refused file. Return false when it cannot be removed. */
static bool drop_oldest(struct s3_files *files, uint64_t max)
{
	static struct log_repeat limit;
	char *path = files->paths[0];
	uint64_t records = s3_file_name(path).records;
	char number[48] = "an unknown number of";
	uint64_t suppressed;
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || unlinkat(AT_FDCWD, path, 0) < 0) {
		int err = errno;
		if (log_repeat_pass(&limit, REPORT_NS, path, strlen(path), &suppressed))
			log_warn(SUBSYSTEM, "%s is to be dropped but cannot be removed: %s", path,
				 strerror(err));
		return false;
	}
	if (records)
		snprintf(number, sizeof(number), "%llu", (unsigned long long)records);
	log_warn(SUBSYSTEM,
		 "%s is dropped with %s records: refused objects hold more than %llu bytes, half of "
		 "-s3SpoolBytes, or are more than %d",
		 path, number, (unsigned long long)max, S3_REFUSED_FILES);
	stat_add(STAT_S3_DROPPED, 1);
	stat_add(STAT_S3_DROPPED_BYTES, (uint64_t)st.st_size);
	stat_add(STAT_S3_DROPPED_RECORDS, records);
	free(path);
	files->count--;
	memmove(files->paths, files->paths + 1, files->count * sizeof(*files->paths));
	files->number--;
	files->bytes -= (uint64_t)st.st_size;
	return true;
}

void s3_spool_list(struct s3_spool *s)
{
	int64_t now = clock_mono_ns();
	bool tidy = now - s->tidied_ns >= TIDY_NS;

	s3_spool_forget(s);
	if (tidy)
		s->tidied_ns = now;
	file_name_walk(s->names, tidy, list_one, s);
	qsort(s->waiting.paths, s->waiting.count, sizeof(*s->waiting.paths), by_path);
	qsort(s->refused.paths, s->refused.count, sizeof(*s->refused.paths), by_path);
	while (s->refused.count > 0 &&
	       (s->refused.bytes > s->refused_max || s->refused.number > S3_REFUSED_FILES))
		if (!drop_oldest(&s->refused, s->refused_max))
			break;
	stat_set(STAT_S3_REFUSED, s->refused.number);
	stat_set(STAT_S3_REFUSED_BYTES, s->refused.bytes);
}

size_t s3_files_after(const struct s3_files *files, const char *path)
{
	size_t i = 0;

	while (i < files->count && strcmp(files->paths[i], path) <= 0)
		i++;
	return i < files->count ? i : 0;
}

void s3_spool_refuse(struct s3_spool *s, const char *path, const char *why)
{
	static struct log_repeat limit;
	char aside[2 * FILE_PATH_MAX];
	uint64_t suppressed;

	snprintf(aside, sizeof(aside), "%s%s", path, REFUSED);
	if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, 0) < 0) {
		int err = errno;
		if (log_repeat_pass(&limit, REPORT_NS, path, strlen(path), &suppressed))
			log_warn(SUBSYSTEM, "%s cannot be sent (%s) nor set aside: %s", path, why,
				 strerror(err));
		return;
	}
	s->refused.number++;
	log_warn(SUBSYSTEM,
		 "%s cannot be sent while other objects arrive: %s; mend the cause: %s is tried again behind "
		 "the others, and at each start; or remove it to give its records up",
		 path, why, aside);
}
