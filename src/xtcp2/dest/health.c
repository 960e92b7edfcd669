/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A destination is up while it confirms what is sent. It goes down
 *   - when an attempt to connect or to send fails,
 *   - when the peer refuses an envelope for good, and
 *   - when something has waited for -produceTimeout and nothing was confirmed,
 *     whatever the connection looks like.
 * It comes up with the next confirmation. A connection alone brings it up only
 * while nothing waits: a broker that answers and takes no message, or a server
 * that accepts and does not read, is not up.
 *
 * Each reason is logged once per minute, and up to LOG_REPEAT_TEXTS different ones:
 * a passing trouble at the start does not hide the one that lasts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dest/state.h"

/* After this long up, the next failure is always logged. */
#define STEADY_NS      (10 * NS_PER_SEC)
/* Interval between two log lines of the same reason. */
#define REPORT_NS      (60 * NS_PER_SEC)
/* Least time between two looks at a destination that confirms nothing. */
#define STALL_LOOK_NS  (5 * NS_PER_SEC)
/* " (N failures not shown)" with the longest N */
#define NOT_SHOWN_SIZE 48

static bool is_up(const struct dest *d)
{
	return __atomic_load_n(&d->up, __ATOMIC_RELAXED);
}

static void set_up(struct dest *d, bool up, bool failing)
{
	__atomic_store_n(&d->up, up, __ATOMIC_RELAXED);
	__atomic_store_n(&d->failing, failing, __ATOMIC_RELAXED);
	stat_set(STAT_DEST_UP, up);
}

static bool waits(struct dest *d)
{
	pthread_mutex_lock(&d->lock);
	bool some = d->queue.head || d->taken.envelopes > d->io->gathered;
	pthread_mutex_unlock(&d->lock);
	return some;
}

/* Return the end of a failure's log line that counts the suppressed ones. */
static const char *not_shown(char text[NOT_SHOWN_SIZE], uint64_t failures)
{
	text[0] = '\0';
	if (failures)
		snprintf(text, NOT_SHOWN_SIZE, " (%" PRIu64 " failures not shown)", failures);
	return text;
}

static void come_up(struct dest *d)
{
	d->refused = false;
	if (is_up(d))
		return;
	set_up(d, true, false);
	pthread_mutex_lock(&d->lock);
	d->reason[0] = '\0';
	pthread_mutex_unlock(&d->lock);
	if (!d->was_ever_up || d->failure_logged)
		log_info(DEST_SUBSYSTEM, "%s: up", d->name);
	d->was_ever_up = true;
	d->failure_logged = false;
	d->up_since_ns = clock_mono_ns();
}

/* Keep the reason, and tell whether it may be logged now. */
static bool go_down(struct dest *d, const char *reason, struct log_repeat *limit, uint64_t *suppressed)
{
	if (is_up(d) && clock_mono_ns() - d->up_since_ns >= STEADY_NS)
		d->failures = d->losses = (struct log_repeat){0};
	set_up(d, false, true);
	pthread_mutex_lock(&d->lock);
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
	pthread_mutex_unlock(&d->lock);
	if (!log_repeat_pass(limit, REPORT_NS, reason, strlen(reason), suppressed))
		return false;
	d->failure_logged = true;
	return true;
}

void health_confirmed(struct dest *d)
{
	d->waiting_since_ns = 0;
	d->next_stall_ns = 0;
	if (d->io->kept)
		return;
	d->io->why[0] = '\0';
	come_up(d);
}

void dest_confirmed(struct dest_io *io)
{
	come_up(io->dest);
}

void dest_reached(struct dest_io *io)
{
	if (!io->kept && !io->dest->refused && !waits(io->dest))
		come_up(io->dest);
}

void dest_down(struct dest_io *io)
{
	struct dest *d = io->dest;
	uint64_t suppressed;
	char text[NOT_SHOWN_SIZE];

	if (go_down(d, io->why, &d->failures, &suppressed))
		log_warn(DEST_SUBSYSTEM, "%s: %s; trying again%s", d->name, io->why,
			 not_shown(text, suppressed));
}

void health_lost(struct dest *d, const struct envelope *e)
{
	uint64_t suppressed;
	char text[NOT_SHOWN_SIZE];

	stat_add(STAT_DEST_ERRORS, 1);
	d->refused = true;
	if (go_down(d, d->io->why, &d->losses, &suppressed))
		log_warn(DEST_SUBSYSTEM, "%s: an envelope of %u records and %zu bytes is lost: %s%s", d->name,
			 e->rows, e->body.len, d->io->why, not_shown(text, suppressed));
}

static void stalled(struct dest *d)
{
	char reason[DEST_REASON_MAX], text[NOT_SHOWN_SIZE];
	uint64_t suppressed;

	if (d->connected && d->ops->explain && !dest_stopping(d))
		d->ops->explain(d->io);
	/* The reason of the last attempt says more than none. */
	if (!d->io->why[0] && __atomic_load_n(&d->failing, __ATOMIC_RELAXED))
		return;
	snprintf(reason, sizeof(reason), "nothing is confirmed within -produceTimeout%s%s",
		 d->io->why[0] ? ": " : "", d->io->why);
	if (go_down(d, reason, &d->failures, &suppressed))
		log_warn(DEST_SUBSYSTEM, "%s: %s; still waiting%s", d->name, reason,
			 not_shown(text, suppressed));
}

int64_t health_check(struct dest *d)
{
	int64_t now = clock_mono_ns();

	/* Without a connection the attempts to make one tell the reason, and a new one gets its time. */
	if (!waits(d) || !d->connected) {
		d->waiting_since_ns = 0;
		return INT64_MAX;
	}
	if (!d->waiting_since_ns)
		d->waiting_since_ns = now;
	int64_t due = d->waiting_since_ns + d->config.send_timeout_ns;
	if (due < d->next_stall_ns)
		due = d->next_stall_ns;
	if (now < due)
		return due;
	stalled(d);
	now = clock_mono_ns();
	d->next_stall_ns =
	    now + (d->config.send_timeout_ns > STALL_LOOK_NS ? d->config.send_timeout_ns : STALL_LOOK_NS);
	return d->next_stall_ns;
}

void health_end(struct dest *d)
{
	set_up(d, false, __atomic_load_n(&d->failing, __ATOMIC_RELAXED));
}
