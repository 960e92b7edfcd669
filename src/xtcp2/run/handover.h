/* SPDX-License-Identifier: MIT */
#ifndef RUN_HANDOVER_H
#define RUN_HANDOVER_H
/*
 * Restart in place: the same PID, standard streams and privileges with another
 * configuration. Before that the daemon runs a trial, a child (-check) that opens
 * everything, sends nothing and reports.
 *
 * Besides the configuration, the next process gets the listening sockets, so that
 * no client is refused meanwhile and no port is lost; directories that only root
 * could open; and the previous configuration, to fall back to if the start fails.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"

/* The sockets that a daemon listens on, and its directories. */
#define HANDOVER_ROWS_MAX 24
/* The longest name of one, with its NUL: an address or a path. */
#define HANDOVER_NAME_MAX 300

struct handover_row {
	int fd;
	char name[HANDOVER_NAME_MAX]; /* as its user wrote it */
};

struct handover {
	int fallback; /* the previous configuration; -1 for none */
	int origin;   /* what the operator started with (origin.h); -1 for nothing */
	int report;   /* pipe for the report of a trial; -1 if this is no trial */
	size_t count;
	struct handover_row rows[HANDOVER_ROWS_MAX];
};

#define HANDOVER_NOTHING ((struct handover){.fallback = -1, .origin = -1, .report = -1})

/* Take the descriptors of the previous process, usually none. Call this before anything is opened. */
void handover_receive(struct handover *h);
/* Close the memfd of the configuration, after config_load(). */
void handover_config_read(struct config *config);
/* Return a copy of the descriptor with that name, owned by the caller; -1 if there is none. */
int handover_take(const struct handover *h, const char *name);
/* Add fd to the descriptors for the next process; close it if there is no room. */
void handover_leave(struct handover *left, const char *name, int fd);
/* After a successful start: close the fallback and the descriptors that were not taken. */
void handover_settle(struct handover *h);

/*
 * Execute the program again. `before` is the configuration to fall back to, NULL for
 * none. Descriptors without close-on-exec survive. Return only on failure (logged).
 */
void handover_exec(const struct config *config, const struct config *before, const struct handover *left,
		   char *name);
/* Execute the program with the fallback. Return only if there is none or on failure (logged). */
void handover_back(const struct handover *h, char *name);

/*
 * Start the trial of a configuration with copies of the descriptors in left. Return its
 * PID, with the read end of its report pipe in *report, or -errno. Does not block for long.
 */
pid_t handover_try(const struct config *config, const struct handover *left, char *name, int *report);

#endif
