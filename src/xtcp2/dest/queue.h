/* SPDX-License-Identifier: MIT */
#ifndef DEST_QUEUE_H
#define DEST_QUEUE_H
/*
 * Two containers of envelopes: a FIFO that knows its size in envelopes, bytes
 * and records, and the pool of empty envelopes. The FIFO has no lock of its
 * own; the pool has.
 */
#include <pthread.h>

#include "dest/dest.h"

struct envelope_sum {
	uint64_t envelopes, bytes, records;
};

static inline void envelope_sum_add(struct envelope_sum *s, const struct envelope *e)
{
	s->envelopes++;
	s->bytes += e->body.len;
	s->records += e->rows;
}

static inline void envelope_sum_sub(struct envelope_sum *s, const struct envelope *e)
{
	s->envelopes--;
	s->bytes -= e->body.len;
	s->records -= e->rows;
}

/* A zeroed one is empty. */
struct envelope_queue {
	struct envelope *head, *tail;
	struct envelope_sum sum;
};

void envelope_queue_push(struct envelope_queue *q, struct envelope *e);
void envelope_queue_push_front(struct envelope_queue *q, struct envelope *e);
/* NULL when it is empty. */
struct envelope *envelope_queue_pop(struct envelope_queue *q);
/* Moves all of `front` to the head of q, in order. */
void envelope_queue_prepend(struct envelope_queue *q, struct envelope_queue *front);

/* Envelopes kept for reuse are bounded in number and bytes: resident memory stays small after a burst. */
#define ENVELOPE_POOL_COUNT	 32
#define ENVELOPE_POOL_BYTES	 (6u << 20)
/* A body of a larger capacity is freed: twice the default -envelopeFlushBytes, which buf_grow() may reach. */
#define ENVELOPE_POOL_BODY_BYTES (1536u << 10)

struct envelope_pool {
	pthread_mutex_t lock;
	struct envelope *head;
	size_t count, bytes;
};

/* 0 or -errno. */
int envelope_pool_init(struct envelope_pool *pool);
void envelope_pool_destroy(struct envelope_pool *pool);
/* An empty envelope; NULL without memory. */
struct envelope *envelope_pool_get(struct envelope_pool *pool);
/* Keeps or frees it. NULL is fine. */
void envelope_pool_put(struct envelope_pool *pool, struct envelope *e);

#endif
