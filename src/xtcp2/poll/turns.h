/* SPDX-License-Identifier: MIT */
#ifndef POLL_TURNS_H
#define POLL_TURNS_H
/*
 * Theory of operation: turns
 *
 * A cycle that is cut leaves namespaces unread. If each cycle began with the
 * same ones, the same ones would be left every time, and a single namespace with
 * many sockets could hide all that come after it. So jobs are laid out by turn,
 * the cycle and the place in it at which a namespace was last served, the oldest
 * first: what was left is read first in the next cycle, and no namespace is
 * served twice before each has been served once. A new namespace queues up
 * behind those that are known, so that making many of them starves nobody.
 *
 * A namespace whose dump is cut has not been served and keeps its turn, so that
 * it gets the whole of the next cycle. If it had the whole of this one already,
 * it was served as well as can be and goes to the end.
 *
 * After a cycle that left nothing the turns have the order of the jobs and nothing is moved.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netns;
struct poll_result;

/* Puts jobs whose turn is older first, for the cycle numbered so. A single job may be NULL: everything at
 * once. */
void turns_order(struct netns **jobs, size_t count, uint64_t cycle);

/*
 * Notes how the dump of ns, the job of that number, went in this cycle: error is
 * what dump() returned, whole whether it had the whole cycle to itself. On the
 * worker that owns ns.
 */
void turns_served(struct netns *ns, uint64_t cycle, size_t job, int error, bool timed_out, bool whole);

/*
 * Adds to result what the cycle that began at begin_ns left unread. Namespaces
 * that ended or cannot be entered are left out: no later cycle would read them.
 */
void turns_count(struct netns *const *jobs, size_t count, int64_t begin_ns, struct poll_result *result);

#endif
