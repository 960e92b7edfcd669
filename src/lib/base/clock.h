/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
/* The two clocks, in nanoseconds. Neither call can fail or block. */
#include <stdint.h>
#include <time.h>

#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* Return CLOCK_MONOTONIC, for deadlines and durations. */
static inline int64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Return CLOCK_REALTIME, since the epoch, for time stamps that people and databases read. */
static inline int64_t clock_real_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

#endif
