/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H
/*
 * A token bucket, kept as the one time at which it will be full again: zeroed it
 * is full. A token that comes back at a rate of R per second costs a second / R;
 * `depth` is the cost of all tokens that the bucket holds. Times in nanoseconds.
 */
#include <stdbool.h>
#include <stdint.h>

struct bucket {
	int64_t full_ns;
};

/* Take what may be more than there is: what follows has to wait for it. */
static inline void bucket_charge(struct bucket *b, int64_t now, int64_t cost)
{
	b->full_ns = (b->full_ns > now ? b->full_ns : now) + cost;
}

/* How long until nothing is owed, 0 when nothing is. */
static inline int64_t bucket_wait(const struct bucket *b, int64_t now, int64_t depth)
{
	int64_t wait = b->full_ns - now - depth;

	return wait > 0 ? wait : 0;
}

/* Take `cost` when it is there. */
static inline bool bucket_take(struct bucket *b, int64_t now, int64_t cost, int64_t depth)
{
	if (bucket_wait(b, now, depth - cost) > 0)
		return false;
	bucket_charge(b, now, cost);
	return true;
}

#endif
