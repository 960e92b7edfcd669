/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_CHUNK_H
#define GRPC_GRPC_CHUNK_H
/*
 * A chunk holds one or more whole gRPC messages, prefixes included, as sent on
 * the wire. It is reference-counted, so that one encoding serves many calls. Any
 * thread may create it; after grpc_send_chunk() only the main thread uses it. A
 * pool keeps freed chunks for reuse: memory returned to the kernel after each
 * poll would be faulted in again by the next one, page by page, on the worker's
 * thread.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct grpc_chunk_pool;

struct grpc_chunk {
	struct grpc_chunk *next; /* for the owner's list and the pool; not used while queued for a call */
	struct grpc_chunk_pool *pool;
	uint32_t refs, messages;
	/* grpc_queue.c: the number of calls it is queued for, and its link in the budget's list */
	uint32_t waits;
	TAILQ_ENTRY(grpc_chunk) order;
	size_t len, cap;
	uint8_t data[];
};

/*
 * All zero except for the lock. Any thread may use it. Last in, first out: the chunk
 * freed last may still be in a processor cache.
 */
struct grpc_chunk_pool {
	pthread_mutex_t lock;
	struct grpc_chunk *head;
	size_t bytes, bytes_max;
};

/* Initialize a pool that keeps nothing until grpc_chunk_pool_keep(). Return 0 or -errno. */
int grpc_chunk_pool_init(struct grpc_chunk_pool *pool);
/* Set the number of bytes the pool may keep; free the excess. */
void grpc_chunk_pool_keep(struct grpc_chunk_pool *pool, size_t bytes_max);
/* Destroy the pool; none of its chunks may be in use. */
void grpc_chunk_pool_destroy(struct grpc_chunk_pool *pool);

/* Allocate a chunk for len bytes with one reference; pool may be NULL. Return NULL without memory. */
struct grpc_chunk *grpc_chunk_new(struct grpc_chunk_pool *pool, size_t len, uint32_t messages);
void grpc_chunk_unref(struct grpc_chunk *chunk);

#endif
