/* SPDX-License-Identifier: MIT */
#ifndef DEST_FILE_NAME_H
#define DEST_FILE_NAME_H
/*
 * The path of files that are made one after the other: text with conversions of
 * strftime(3), filled with the time in UTC when a file is begun. Only those that
 * become digits are allowed, so that a name on disk can be told from others': a file
 * is our own when its directories and its name have the pattern, with or without the
 * number of whole_numbered().
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dest/whole.h"

#define FILE_PATH_MAX 1024

struct file_name {
	const char *path; /* borrowed */
	size_t fixed;	  /* length of the directory that has no conversion, "" for the current one */
	size_t base;	  /* where the last component begins */
	bool conversions;
};

/* Return 0, or -EINVAL with a clause in error (size bytes). */
int file_name_parse(struct file_name *f, const char *path, char *error, size_t size);

/* Write the path for a time. Return 0 or -ENAMETOOLONG. */
int file_name_expand(const struct file_name *f, int64_t real_ns, char path[FILE_PATH_MAX]);
/* Tell whether the names of both times differ in more than seconds. */
bool file_name_moves(const struct file_name *f, int64_t a_ns, int64_t b_ns);

/* Write the directory without conversions. */
void file_name_fixed(const struct file_name *f, char directory[FILE_PATH_MAX]);
/* Make the directories of an expanded path below the fixed one. 0 or -errno. */
int file_name_make_directories(const struct file_name *f, const char *path);

/* Tell whether a file of this name, in one of our directories, is our own. */
bool file_name_is_own(const struct file_name *f, const char *name);

/*
 * Call fn for each entry of each directory that has the pattern, whatever the entry is, with the open
 * directory and its path. Links are not followed. With `tidy`, remove directories below the fixed one that
 * are empty. Return 0, or -errno of the fixed directory.
 */
int file_name_walk(const struct file_name *f, bool tidy,
		   void (*fn)(void *data, int dir, const char *directory, const char *name), void *data);

#endif
