/* SPDX-License-Identifier: MIT */
#ifndef POLL_WORKER_H
#define POLL_WORKER_H
/*
 * The pool of worker threads of a poll. Between cycles they sleep. A cycle is
 * handed over under one lock; jobs are then taken with an atomic counter.
 */
#include "poll/poll.h"

struct tally;
struct worker_pool;

/* Start config->netlinkers threads. done_fd is a borrowed eventfd, written at the end of each cycle. NULL
 * with errno. */
struct worker_pool *worker_pool_new(const struct config *config, const struct source_ops *source,
				    const struct source_config *source_config, struct netns_table *table,
				    struct dest *dest, int done_fd);
/* Wait for the running cycle, submit its records, end and join the threads. NULL is fine. */
void worker_pool_end(struct worker_pool *pool);
/* Free the pool, after worker_pool_end() if it was not called yet. NULL is fine. */
void worker_pool_free(struct worker_pool *pool);

/*
 * Begin a cycle over the namespaces. The array is copied; the entries stay owned by the table. 0, -ENOMEM,
 * or -ESHUTDOWN after worker_pool_end().
 */
int worker_pool_begin(struct worker_pool *pool, struct netns *const *namespaces, size_t count,
		      int64_t begin_ns, int64_t deadline_ns);
/* Set the result of the cycle that just ended, but for duration_ns. Call it before the table changes. */
void worker_pool_result(struct worker_pool *pool, struct poll_result *result);
/* Give each worker a part of the tally, before the first cycle. 0 or -ENOMEM. */
int worker_pool_set_tally(struct worker_pool *pool, struct tally *tally);
/* Set the tap from the next cycle on; NULL removes it. */
void worker_pool_set_tap(struct worker_pool *pool, struct poll_tap *tap);

#endif
