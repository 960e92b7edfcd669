/* SPDX-License-Identifier: MIT */
#ifndef DEST_QUEUE_H
#define DEST_QUEUE_H
/*
 * Two containers of envelopes: a FIFO that counts envelopes, bytes and records,
 * and the pool of empty envelopes. The FIFO has no lock; the pool has one.
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
/* Remove and return the head; NULL when the queue is empty. */
struct envelope *envelope_queue_pop(struct envelope_queue *q);
/* Move all of `front` to the head of q, in order. */
void envelope_queue_prepend(struct envelope_queue *q, struct envelope_queue *front);

/* Bounds of the pool in envelopes and bytes: resident memory stays small after a burst. */
#define ENVELOPE_POOL_COUNT	 32
#define ENVELOPE_POOL_BYTES	 (6u << 20)
/* The pool frees a body of larger capacity: twice the default -envelopeFlushBytes, which buf_grow() may
 * reach. */
#define ENVELOPE_POOL_BODY_BYTES (1536u << 10)
/* The pool frees a list of cuts of larger capacity: 16,384 rows. */
#define ENVELOPE_POOL_CUTS_BYTES (64u << 10)

struct envelope_pool {
	pthread_mutex_t lock;
	struct envelope *head;
	size_t count, bytes;
};

/* 0 or -errno. */
int envelope_pool_init(struct envelope_pool *pool);
void envelope_pool_destroy(struct envelope_pool *pool);
/* Return an empty envelope; NULL without memory. */
struct envelope *envelope_pool_get(struct envelope_pool *pool);
/* Keep the envelope, or free it. NULL is fine. */
void envelope_pool_put(struct envelope_pool *pool, struct envelope *e);

#endif
