/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_CHUNK_H
#define GRPC_GRPC_CHUNK_H
/*
 * Bytes of one or more whole gRPC messages, prefixes included, as they go on
 * the wire. Counted references, so that one encoding serves many calls. The
 * first owner may be another thread; from grpc_send_chunk() on, the main thread
 * only. A pool keeps what is done with for the next chunk: memory that goes
 * back to the kernel after each poll would be faulted in again by the next, a
 * page at a time, on the worker's thread.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct grpc_chunk_pool;

struct grpc_chunk {
	struct grpc_chunk *next; /* for whoever queues chunks; not used by gRPC */
	struct grpc_chunk_pool *pool;
	uint32_t refs, messages;
	/* of grpc_queue.c: the calls that wait for it, and its place among all that wait */
	uint32_t waits;
	TAILQ_ENTRY(grpc_chunk) order;
	size_t len, cap;
	uint8_t data[];
};

/*
 * Zeroed but for the lock. Any thread takes from it and gives back. The last one
 * given back is the next one taken: it may still be in a cache.
 */
struct grpc_chunk_pool {
	pthread_mutex_t lock;
	struct grpc_chunk *head;
	size_t bytes, bytes_max;
};

/* Keeps nothing until grpc_chunk_pool_keep(). 0 or -errno. */
int grpc_chunk_pool_init(struct grpc_chunk_pool *pool);
/* Sets how many bytes it may keep; frees what is more. */
void grpc_chunk_pool_keep(struct grpc_chunk_pool *pool, size_t bytes_max);
/* When no chunk of it is left. */
void grpc_chunk_pool_destroy(struct grpc_chunk_pool *pool);

/* len bytes of room, one reference; pool may be NULL. NULL without memory. */
struct grpc_chunk *grpc_chunk_new(struct grpc_chunk_pool *pool, size_t len, uint32_t messages);
void grpc_chunk_unref(struct grpc_chunk *chunk);

#endif
