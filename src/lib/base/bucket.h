/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H
/*
 * A token bucket, stored as the time at which it will be full again; zeroed, it is
 * full. At a rate of R tokens per second a token costs 1 s / R. `depth` is the cost
 * of all tokens of a full bucket. All times are in nanoseconds.
 */
#include <stdbool.h>
#include <stdint.h>

struct bucket {
	int64_t full_ns;
};

/* Take `cost` even beyond the content: later takers then wait for the debt. */
static inline void bucket_charge(struct bucket *b, int64_t now, int64_t cost)
{
	b->full_ns = (b->full_ns > now ? b->full_ns : now) + cost;
}

/* Return the time until the debt is paid, 0 without debt. */
static inline int64_t bucket_wait(const struct bucket *b, int64_t now, int64_t depth)
{
	int64_t wait = b->full_ns - now - depth;

	return wait > 0 ? wait : 0;
}

/* Take `cost` if the bucket holds it. */
static inline bool bucket_take(struct bucket *b, int64_t now, int64_t cost, int64_t depth)
{
	if (bucket_wait(b, now, depth - cost) > 0)
		return false;
	bucket_charge(b, now, cost);
	return true;
}

#endif
