/* SPDX-License-Identifier: MIT */
#ifndef RUN_DIRECTORIES_H
#define RUN_DIRECTORIES_H
/*
 * The directories of -netnsDirs. Some may be entered by root only (/run/docker):
 * they are opened while the daemon is root, and are known by that descriptor
 * from then on. One that is made later is closed to it; the namespaces there
 * are then found by their processes.
 */
#include <stddef.h>

#include "run/handover.h"

/* Directories in -netnsDirs. */
#define DIRECTORIES_MAX 16

struct directories {
	char *text;				/* the list, cut at its commas */
	const char *paths[DIRECTORIES_MAX + 1]; /* NULL-terminated: what to open(2) */
	const char *names[DIRECTORIES_MAX];	/* as they are written */
	int fds[DIRECTORIES_MAX];		/* O_PATH, or -1 */
	char ways[DIRECTORIES_MAX][32];		/* "/proc/self/fd/N" */
	size_t count;
};

/* Takes a comma-separated list apart and opens what is there, or was handed over. 0 or -errno, logged. */
int directories_open(struct directories *d, const char *list, const struct handover *received);
/* The next process gets those that it could not open. */
void directories_give(struct directories *d, struct handover *left);
/* With the rights that are left: lets go of the descriptors that are not needed. */
void directories_settle(struct directories *d);
/* A zeroed one is fine. */
void directories_free(struct directories *d);

#endif
