/* SPDX-License-Identifier: MIT */
#ifndef RUN_HANDOVER_H
#define RUN_HANDOVER_H
/*
 * The daemon starts over in place: the same PID, standard streams and privileges,
 * with another configuration. Before that it starts a trial, a child with the same
 * configuration that opens all and does nothing (-check), and reports.
 *
 * What goes from one process to the next, beside the configuration: the sockets
 * that listen, so that no client is refused meanwhile and no port is lost;
 * directories that only root could open; and the configuration before, to which a
 * start that fails goes back.
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
	int fallback; /* the configuration before; -1 for none */
	int report;   /* where a trial writes what is wrong; -1 when this is none */
	size_t count;
	struct handover_row rows[HANDOVER_ROWS_MAX];
};

#define HANDOVER_NOTHING ((struct handover){.fallback = -1, .report = -1})

/* What the process before has left to this one: nothing, as a rule. Before anything is opened. */
void handover_receive(struct handover *h);
/* After config_load(): lets go of the memory that the configuration was handed over in. */
void handover_config_read(struct config *config);
/* What has that name, a copy that the caller owns; -1 when there is none. */
int handover_take(const struct handover *h, const char *name);
/* Puts fd into what is left to the next process, closed when there is no room. */
void handover_leave(struct handover *left, const char *name, int fd);
/* The start has succeeded: the way back and what nobody has taken are given up. */
void handover_settle(struct handover *h);

/*
 * Becomes a fresh start of the same program. `before` is what it goes back to,
 * NULL for nothing. Everything that is not close-on-exec survives. Returns only
 * when it failed (logged).
 */
void handover_exec(const struct config *config, const struct config *before, const struct handover *left,
		   char *name);
/* The same, back to the fallback. Returns only when there is none or it failed (logged). */
void handover_back(const struct handover *h, char *name);

/*
 * Starts the trial of a configuration, with copies of what is left. Its PID, and in
 * *report the end of the pipe to read what it says; -errno. Never blocks for long.
 */
pid_t handover_try(const struct config *config, const struct handover *left, char *name, int *report);

#endif
