/* SPDX-License-Identifier: MIT */
#ifndef POLL_TURNS_H
#define POLL_TURNS_H
/*
 * Theory of operation: turns
 *
 * A cycle that reaches its deadline leaves namespaces unread. If every cycle began
 * with the same namespaces, the same ones would be left each time, and a single
 * namespace with many sockets could hide all that come after it. So each namespace
 * has a turn: the cycle, and the position in it, at which it was last served. Jobs
 * are sorted by turn, the oldest first. An unread namespace is read first in the
 * next cycle, and none is served twice before each has been served once. A new
 * namespace comes after all known ones, so that creating many of them delays no other.
 *
 * A namespace whose dump is cut has not been served and keeps its turn, so that it
 * gets the whole of the next cycle. If it already had the whole of this one, more
 * time is not available: it counts as served and goes to the end.
 *
 * After a complete cycle the turns are in the order of the jobs, and sorting moves nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netns;
struct poll_result;

/* Sort the jobs of cycle number `cycle` by turn, the oldest first. A single job may be NULL: all namespaces
 * in one pass. */
void turns_order(struct netns **jobs, size_t count, uint64_t cycle);

/*
 * Record the result of dumping ns as job number `job` of the cycle: `error` is the
 * value that dump() returned, `whole` is true if the dump had the whole cycle to
 * itself. Call on the worker that owns ns.
 */
void turns_served(struct netns *ns, uint64_t cycle, size_t job, int error, bool timed_out, bool whole);

/*
 * Add to result the namespaces that the cycle begun at begin_ns left unread. Those
 * that ended or cannot be entered do not count: no later cycle would read them.
 */
void turns_count(struct netns *const *jobs, size_t count, int64_t begin_ns, struct poll_result *result);

#endif
