/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each call has its own queue, and all queues share two budgets: one for records,
 * one for answers. A chunk counts once, with all the memory it takes, however
 * many queues hold it. A budget lists its chunks in order of arrival, and every
 * queue holds its chunks in the same order: the oldest chunk of a budget is the
 * first of each queue that holds it.
 *
 * When there is no room for a new chunk, the oldest is dropped from every queue
 * that still holds it. So a client that lags by less than the budget loses
 * nothing, whatever the others hold, and clients that do not read at all share
 * one budget. Records are dropped whole, counted and reported in the trailers: if
 * a chunk is partly sent, the message begun is kept and the rest is dropped.
 * Answers cannot be dropped: a call that has not read its answer is reset.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "grpc/grpc_internal.h"
#include "stats/stats.h"

/* Most chunks queued per call: bounds the queue itself, however small the chunks are. */
#define QUEUE_CHUNKS_MAX 8192
/* Return memory to the kernel when a call ends and the queues have shrunk by this much. */
#define TRIM_BYTES	 (size_t)(8 << 20)

static struct grpc_budget *budget_of(const struct call *c)
{
	return c->method && c->method->missed_trailer ? &c->grpc->records : &c->grpc->answers;
}

/* Return the bytes of memory that the chunk takes. */
static size_t cost(const struct grpc_chunk *chunk)
{
	return sizeof(*chunk) + chunk->cap;
}

static void budget_changed(const struct grpc *g)
{
	stat_set(STAT_GRPC_WAITING_BYTES, g->records.bytes + g->answers.bytes);
}

static void budget_add(struct call *c, struct grpc_chunk *chunk)
{
	struct grpc_budget *b = budget_of(c);

	if (chunk->waits++ > 0)
		return;
	TAILQ_INSERT_TAIL(&b->chunks, chunk, order);
	b->bytes += cost(chunk);
	b->peak = b->bytes > b->peak ? b->bytes : b->peak;
	budget_changed(c->grpc);
}

/* Release the call's hold on the chunk, and its reference. */
static void budget_drop(struct call *c, struct grpc_chunk *chunk)
{
	struct grpc_budget *b = budget_of(c);

	if (chunk->waits > 0 && --chunk->waits == 0) {
		TAILQ_REMOVE(&b->chunks, chunk, order);
		b->bytes -= cost(chunk);
		budget_changed(c->grpc);
	}
	grpc_chunk_unref(chunk);
}

static void head_drop(struct call *c)
{
	struct grpc_chunk *chunk = c->queue[c->head++];

	c->queued -= chunk->len - c->head_sent;
	c->head_sent = 0;
	budget_drop(c, chunk);
}

static void call_reset(struct call *c)
{
	while (c->head < c->count)
		head_drop(c);
	c->finished = true;
	stat_add(STAT_GRPC_RESET, 1);
	h2_stream_reset(c->stream);
}

/*
 * Copy the unsent rest of a partly sent message into a chunk of its own, outside the
 * budget as it is at most one message per call. *gone: messages sent, including this
 * one. Return NULL if no message is partly sent, or without memory.
 */
static struct grpc_chunk *message_rest(const struct grpc_chunk *chunk, size_t sent, uint32_t *gone)
{
	size_t end = 0;

	for (*gone = 0; end < sent; ++*gone)
		end += GRPC_PREFIX + grpc_prefix_len(chunk->data + end);
	struct grpc_chunk *rest = end > sent ? grpc_chunk_new(NULL, end - sent, 0) : NULL;
	if (rest)
		memcpy(rest->data, chunk->data + sent, end - sent);
	else if (end > sent)
		*gone = UINT32_MAX;
	return rest;
}

/* Return whether the call holds chunk, the oldest of its budget: then first, or behind a message_rest(). */
static bool waits_for(const struct call *c, const struct grpc_chunk *chunk)
{
	size_t i = c->head;

	if (i < c->count && c->queue[i]->waits == 0)
		i++;
	return i < c->count && c->queue[i] == chunk;
}

/* Drop chunk from a call's queue to make room. */
static void evict(struct call *c, struct grpc_chunk *chunk)
{
	uint32_t gone;

	if (budget_of(c) == &c->grpc->answers) {
		call_reset(c);
		return;
	}
	if (c->queue[c->head] != chunk) {
		grpc_missed(c, chunk->messages);
		c->queue[c->head + 1] = c->queue[c->head];
		c->head++;
		c->queued -= chunk->len;
		budget_drop(c, chunk);
		return;
	}
	struct grpc_chunk *rest = message_rest(chunk, c->head_sent, &gone);
	if (gone == UINT32_MAX) {
		call_reset(c);
		return;
	}
	grpc_missed(c, chunk->messages - gone);
	head_drop(c);
	if (rest) {
		c->queue[--c->head] = rest;
		c->queued += rest->len;
	}
}

/* Make room for `more` bytes by dropping the oldest chunks; return whether they fit. */
static bool budget_room(struct grpc *g, struct grpc_budget *b, size_t more)
{
	struct grpc_chunk *oldest;
	struct call *c;

	if (more > b->bytes_max)
		return false;
	while (b->bytes + more > b->bytes_max && (oldest = TAILQ_FIRST(&b->chunks))) {
		/* Hold a reference: the pointer is compared after the last queue has released the chunk. */
		oldest->refs++;
		LIST_FOREACH(c, &g->calls, link)
		{
			if (waits_for(c, oldest))
				evict(c, oldest);
		}
		grpc_chunk_unref(oldest);
	}
	return true;
}

/* Make room for one more pointer. Return false without memory or at QUEUE_CHUNKS_MAX. */
static bool queue_grow(struct call *c)
{
	if (c->head == c->count)
		c->head = c->count = 0;
	if (c->count - c->head >= QUEUE_CHUNKS_MAX)
		return false;
	if (c->count == c->cap && c->head > c->cap / 2) {
		c->count -= c->head;
		memmove(c->queue, c->queue + c->head, c->count * sizeof(*c->queue));
		c->head = 0;
	}
	if (c->count < c->cap)
		return true;
	size_t cap = c->cap ? c->cap * 2 : 4;
	void *grown = reallocarray(c->queue, cap, sizeof(*c->queue));
	if (!grown)
		return false;
	c->queue = grown;
	c->cap = cap;
	return true;
}

int grpc_queue_push(struct call *c, struct grpc_chunk *chunk)
{
	if ((chunk->waits == 0 && !budget_room(c->grpc, budget_of(c), cost(chunk))) || !queue_grow(c)) {
		grpc_chunk_unref(chunk);
		return -ENOBUFS;
	}
	budget_add(c, chunk);
	c->queue[c->count++] = chunk;
	c->queued += chunk->len;
	return 0;
}

size_t grpc_queue_pull(struct call *c, uint8_t *buf, size_t size)
{
	size_t n = 0;

	while (n < size && c->head < c->count) {
		struct grpc_chunk *chunk = c->queue[c->head];
		size_t part = chunk->len - c->head_sent < size - n ? chunk->len - c->head_sent : size - n;
		memcpy(buf + n, chunk->data + c->head_sent, part);
		n += part;
		c->head_sent += part;
		c->queued -= part;
		if (c->head_sent == chunk->len)
			head_drop(c);
	}
	stat_add(STAT_GRPC_SENT_BYTES, n);
	return n;
}

void grpc_queue_free(struct call *c)
{
	struct grpc_budget *b = budget_of(c);

	while (c->head < c->count)
		head_drop(c);
	free(c->queue);
	/* The allocator keeps memory freed between blocks in use until malloc_trim(). */
	if (b->peak - b->bytes >= TRIM_BYTES) {
		malloc_trim(0);
		b->peak = b->bytes;
	}
}
