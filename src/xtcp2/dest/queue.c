/* SPDX-License-Identifier: MIT */
#include "dest/queue.h"

#include <stdlib.h>

void envelope_queue_push(struct envelope_queue *q, struct envelope *e)
{
	e->next = NULL;
	if (q->tail)
		q->tail->next = e;
	else
		q->head = e;
	q->tail = e;
	envelope_sum_add(&q->sum, e);
}

struct envelope *envelope_queue_pop(struct envelope_queue *q)
{
	struct envelope *e = q->head;

	if (!e)
		return NULL;
	q->head = e->next;
	if (!q->head)
		q->tail = NULL;
	e->next = NULL;
	envelope_sum_sub(&q->sum, e);
	return e;
}

void envelope_queue_prepend(struct envelope_queue *q, struct envelope_queue *front)
{
	if (!front->head)
		return;
	front->tail->next = q->head;
	if (!q->tail)
		q->tail = front->tail;
	q->head = front->head;
	q->sum.envelopes += front->sum.envelopes;
	q->sum.bytes += front->sum.bytes;
	q->sum.records += front->sum.records;
	*front = (struct envelope_queue){0};
}

int envelope_pool_init(struct envelope_pool *pool)
{
	*pool = (struct envelope_pool){0};
	return -pthread_mutex_init(&pool->lock, NULL);
}

static void envelope_free(struct envelope *e)
{
	buf_free(&e->body);
	buf_free(&e->cuts);
	free(e);
}

void envelope_pool_destroy(struct envelope_pool *pool)
{
	while (pool->head) {
		struct envelope *e = pool->head;
		pool->head = e->next;
		envelope_free(e);
	}
	pthread_mutex_destroy(&pool->lock);
}

struct envelope *envelope_pool_get(struct envelope_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct envelope *e = pool->head;
	if (e) {
		pool->head = e->next;
		pool->count--;
		pool->bytes -= e->body.cap;
		e->next = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	return e ? e : calloc(1, sizeof(*e));
}

void envelope_pool_put(struct envelope_pool *pool, struct envelope *e)
{
	if (!e)
		return;
	buf_reset(&e->body);
	buf_reset(&e->cuts);
	if (e->cuts.cap > ENVELOPE_POOL_CUTS_BYTES)
		buf_free(&e->cuts);
	e->rows = e->header = e->skip = e->rows_end = 0;
	e->copied = false;
	e->mark = 0;
	pthread_mutex_lock(&pool->lock);
	bool keep = e->body.cap <= ENVELOPE_POOL_BODY_BYTES && pool->count < ENVELOPE_POOL_COUNT &&
		    pool->bytes + e->body.cap <= ENVELOPE_POOL_BYTES;
	if (keep) {
		e->next = pool->head;
		pool->head = e;
		pool->count++;
		pool->bytes += e->body.cap;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!keep)
		envelope_free(e);
}
