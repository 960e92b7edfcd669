/* SPDX-License-Identifier: MIT */
#ifndef POLL_WORKER_H
#define POLL_WORKER_H
/*
 * The crew: the worker threads of a poll. Between cycles they sleep. A cycle is
 * handed over under one lock; jobs are then taken with an atomic counter.
 */
#include "poll/poll.h"

struct poll_crew;

/* Starts config->netlinkers threads.
 * done_fd is an eventfd written at the end of each cycle; borrowed. NULL with errno. */
struct poll_crew *crew_new(const struct config *config, const struct source_ops *source,
			   const struct source_config *source_config, struct netns_table *table,
			   struct dest *dest, int done_fd);
/* Waits for the running cycle, ends and joins the threads; all they have read is handed on. NULL is fine. */
void crew_end(struct poll_crew *crew);
/* crew_end(), if that was not yet, and frees. NULL is fine. */
void crew_free(struct poll_crew *crew);

/*
 * Begins a cycle over the namespaces (copied; the entries stay the table's). 0, -ENOMEM, -ESHUTDOWN after
 * crew_end().
 */
int crew_begin(struct poll_crew *crew, struct netns *const *namespaces, size_t count, int64_t begin_ns,
	       int64_t deadline_ns);
/* What the cycle that just ended did; duration_ns is left to the caller. Before the entries change. */
void crew_result(struct poll_crew *crew, struct poll_result *result);
/* For the next cycle on. */
void crew_set_tap(struct poll_crew *crew, struct poll_tap *tap);

#endif
