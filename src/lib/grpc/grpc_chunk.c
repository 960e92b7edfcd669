/* SPDX-License-Identifier: MIT */
#include "grpc/grpc_chunk.h"

#include <stdbool.h>
#include <stdlib.h>

/* Capacities are multiples of this: batches differ by less, so that chunks can be reused. */
#define ROOM_STEP (size_t)(4 << 10)

int grpc_chunk_pool_init(struct grpc_chunk_pool *pool)
{
	*pool = (struct grpc_chunk_pool){0};
	return -pthread_mutex_init(&pool->lock, NULL);
}

/* Remove the first chunk; NULL if the pool is empty. The caller holds the lock. */
static struct grpc_chunk *pop(struct grpc_chunk_pool *pool)
{
	struct grpc_chunk *chunk = pool->head;

	if (chunk) {
		pool->head = chunk->next;
		pool->bytes -= chunk->cap;
	}
	return chunk;
}

void grpc_chunk_pool_keep(struct grpc_chunk_pool *pool, size_t bytes_max)
{
	pthread_mutex_lock(&pool->lock);
	pool->bytes_max = bytes_max;
	while (pool->bytes > bytes_max)
		free(pop(pool));
	pthread_mutex_unlock(&pool->lock);
}

void grpc_chunk_pool_destroy(struct grpc_chunk_pool *pool)
{
	grpc_chunk_pool_keep(pool, 0);
	pthread_mutex_destroy(&pool->lock);
}

/* Take a chunk of at least len bytes, or NULL. One that is too small is freed: capacities adapt to demand. */
static struct grpc_chunk *pool_take(struct grpc_chunk_pool *pool, size_t len)
{
	pthread_mutex_lock(&pool->lock);
	struct grpc_chunk *chunk = pop(pool);
	pthread_mutex_unlock(&pool->lock);
	if (chunk && chunk->cap < len) {
		free(chunk);
		chunk = NULL;
	}
	return chunk;
}

static bool pool_put(struct grpc_chunk_pool *pool, struct grpc_chunk *chunk)
{
	pthread_mutex_lock(&pool->lock);
	bool keep = pool->bytes + chunk->cap <= pool->bytes_max;
	if (keep) {
		chunk->next = pool->head;
		pool->head = chunk;
		pool->bytes += chunk->cap;
	}
	pthread_mutex_unlock(&pool->lock);
	return keep;
}

struct grpc_chunk *grpc_chunk_new(struct grpc_chunk_pool *pool, size_t len, uint32_t messages)
{
	struct grpc_chunk *chunk = pool ? pool_take(pool, len) : NULL;
	size_t cap = pool ? (len + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP : len;

	if (chunk)
		cap = chunk->cap;
	else
		chunk = malloc(sizeof(*chunk) + cap);
	if (chunk)
		*chunk = (struct grpc_chunk){
		    .pool = pool, .refs = 1, .messages = messages, .len = len, .cap = cap};
	return chunk;
}

void grpc_chunk_unref(struct grpc_chunk *chunk)
{
	if (chunk && --chunk->refs == 0 && !(chunk->pool && pool_put(chunk->pool, chunk)))
		free(chunk);
}
