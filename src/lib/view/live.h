/* SPDX-License-Identifier: MIT */
#ifndef VIEW_LIVE_H
#define VIEW_LIVE_H
/*
 * A table that lives on a terminal: the alternate screen, keys, a prompt for the filter, help. Where stdin or stdout
 * is no terminal, it is written plainly once per refresh.
 *
 * The terminal is as it was before at every end that a process can see: a key, SIGINT, SIGTERM, SIGHUP, SIGQUIT, a terminal that
 * hangs up; and while the process is stopped (SIGTSTP).
 */
#include <stdint.h>

#include "base/loop.h"
#include "view/top.h"

struct live;

struct live_options {
	struct loop *loop;
	struct top *top;
	int64_t refresh_ns;
	void (*end)(void *data, int status); /* asked to end (0), or the output has failed (1) */
	void *data;
};

/* Enters the terminal and draws. Before any thread starts. NULL with errno. */
struct live *live_new(const struct live_options *options);
/* Leaves the terminal. NULL is fine. */
void live_free(struct live *l);

/* Draw now, not only at the next refresh; for a terminal only. */
void live_draw(struct live *l);

#endif
