/* SPDX-License-Identifier: MIT */
#ifndef POLL_WORKER_H
#define POLL_WORKER_H
/*
 * The pool of worker threads of a poll. Between cycles they sleep. A cycle is
 * handed over under one lock; jobs are then taken with an atomic counter.
 */
#include "poll/poll.h"

struct worker_pool;

/* Starts config->netlinkers threads.
 * done_fd is an eventfd written at the end of each cycle; borrowed. NULL with errno. */
struct worker_pool *worker_pool_new(const struct config *config, const struct source_ops *source,
				    const struct source_config *source_config, struct netns_table *table,
				    struct dest *dest, int done_fd);
/* Waits for the running cycle, ends and joins the threads; all they have read is handed on. NULL is fine. */
void worker_pool_end(struct worker_pool *pool);
/* worker_pool_end(), if that was not yet, and frees. NULL is fine. */
void worker_pool_free(struct worker_pool *pool);

/*
 * Begins a cycle over the namespaces (copied; the entries stay the table's). 0, -ENOMEM, -ESHUTDOWN after
 * worker_pool_end().
 */
int worker_pool_begin(struct worker_pool *pool, struct netns *const *namespaces, size_t count,
		      int64_t begin_ns, int64_t deadline_ns);
/* What the cycle that just ended did; duration_ns is left to the caller. Before the entries change. */
void worker_pool_result(struct worker_pool *pool, struct poll_result *result);
/* For the next cycle on. */
void worker_pool_set_tap(struct worker_pool *pool, struct poll_tap *tap);

#endif
