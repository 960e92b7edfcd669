/* SPDX-License-Identifier: MIT */
#ifndef RUN_DIRECTORIES_H
#define RUN_DIRECTORIES_H
/*
 * The directories of -netnsDirs. Some are accessible to root only (/run/docker):
 * they are opened while the daemon is root and used through that descriptor. A
 * directory created later is inaccessible; its namespaces are found by their
 * processes.
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

/* Split a comma-separated list; open its directories or those handed over. Return 0 or -errno, logged. */
int directories_open(struct directories *d, const char *list, const struct handover *received);
/* Leave the next process the directories that it could not open. */
void directories_give(struct directories *d, struct handover *left);
/* Close the descriptors that are not needed with the remaining privileges. */
void directories_settle(struct directories *d);
/* Free the directories. A zeroed struct is fine. */
void directories_free(struct directories *d);

#endif
