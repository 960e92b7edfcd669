/* SPDX-License-Identifier: MIT */
#ifndef DEST_KEEP_H
#define DEST_KEEP_H
/*
 * Deletes old files, and finishes those that a crash has left. Only regular files whose
 * directory and name have the pattern of file_name.h are touched; links are neither
 * followed nor deleted. Blocks as the file system does; the sending thread.
 */
#include "dest/file_name.h"

struct keep {
	int64_t age_ns; /* delete files that were finished longer ago; 0 for no limit */
	uint64_t bytes; /* delete the oldest, but not the last one, while all take more; 0 for no limit */
};

/* Apply the limits. A file that cannot be deleted is counted and logged. `name` is for the log. */
void keep_apply(const struct keep *k, const struct file_name *f, const char *name);

/* Finish, or remove, what a crash has left, one log line each. done (may be NULL) is called for each finished file. */
void keep_recover(const struct file_name *f, enum whole_sync sync, const char *name,
		  void (*done)(void *data, const char *directory, const char *file), void *data);

#endif
