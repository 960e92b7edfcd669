/* SPDX-License-Identifier: MIT */
#include "poll/turns.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "netns/netns.h"
#include "poll/poll.h"

/* A turn is the number of the cycle in the high bits and that of the job in the low ones. */
#define TURN_JOB_BITS 24

static uint64_t turn_of(uint64_t cycle, size_t job)
{
	return cycle << TURN_JOB_BITS | (job & ((1 << TURN_JOB_BITS) - 1));
}

static int by_turn(const void *a, const void *b)
{
	const struct netns *x = *(struct netns *const *)a, *y = *(struct netns *const *)b;

	return (x->turn > y->turn) - (x->turn < y->turn);
}

void turns_order(struct netns **jobs, size_t count, uint64_t cycle)
{
	bool sorted = true;

	if (count < 2)
		return;
	for (size_t i = 0; i < count; i++) {
		if (jobs[i]->turn == 0)
			jobs[i]->turn = turn_of(cycle - 1, i);
		sorted &= i == 0 || jobs[i - 1]->turn <= jobs[i]->turn;
	}
	if (!sorted)
		qsort(jobs, count, sizeof(struct netns *), by_turn);
}

/* Descriptors or memory that lack now may be free in the next cycle: the namespace keeps its turn. */
static bool was_short(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

void turns_served(struct netns *ns, uint64_t cycle, size_t job, int error, bool timed_out, bool whole)
{
	if (!ns)
		return;
	if (error == 0 && !timed_out)
		ns->read_ns = clock_mono_ns();
	if (!was_short(error) && (!timed_out || whole))
		ns->turn = turn_of(cycle, job);
}

void turns_count(struct netns *const *jobs, size_t count, int64_t begin_ns, struct poll_result *result)
{
	int64_t now = clock_mono_ns();

	for (size_t i = 0; i < count; i++) {
		const struct netns *ns = jobs[i];
		if (!ns) { /* one job for all namespaces */
			result->of++;
			result->unread += result->cut;
			continue;
		}
		if (ns->state == NETNS_GONE || ns->state == NETNS_BLOCKED)
			continue;
		result->of++;
		result->unread += ns->read_ns < begin_ns;
		if (now - ns->read_ns > result->oldest_ns)
			result->oldest_ns = now - ns->read_ns;
	}
}
