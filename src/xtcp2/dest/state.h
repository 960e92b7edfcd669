/* SPDX-License-Identifier: MIT */
#ifndef DEST_STATE_H
#define DEST_STATE_H
/*
 * The state that dest.c (the interface, called by other threads) and sender.c
 * (the sending thread) share.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "dest/ops.h"
#include "dest/queue.h"
#include "stats/stats.h"

#define DEST_SUBSYSTEM "destination"

struct dest {
	const struct dest_ops *ops;
	struct dest_io *io;
	struct dest_config config;
	char *spec, *name; /* as given, and without credentials for logs */
	struct envelope_pool pool;
	int wake_fd, stop_fd, ended_fd;
	pthread_t thread;
	bool started;
	bool abandoned;		  /* the thread hangs in a library and now owns this object */
	bool up, failing;	  /* atomic: health.c */
	int64_t stop_deadline_ns; /* atomic; INT64_MAX until dest_stop() */

	pthread_cond_t done_cond;
	pthread_mutex_t lock; /* for the members down to the blank line */
	struct envelope_queue queue;
	struct envelope_sum taken;    /* in hand, or owned by the destination until dest_complete() */
	struct envelope_sum dropped;  /* since the last report */
	char reason[DEST_REASON_MAX]; /* of the last failure */
	bool closed;		      /* the queue is closed: submitted envelopes are lost */
	enum stat_id closed_reason;
	bool done; /* the thread has ended; done_cond signals it */

	/* The sending thread's own. */
	struct envelope *in_hand;
	struct envelope_queue returned; /* return to the head of the queue, in order */
	bool connected, ended;
	int64_t next_attempt_ns, backoff_ns;
	int64_t next_drop_report_ns;
	bool was_ever_up, failure_logged;
	bool refused;		  /* the peer's last word was that it will never take an envelope */
	int64_t waiting_since_ns; /* something waits since then without a confirmation; 0 for nothing */
	int64_t next_stall_ns;	  /* when to look again at a destination that confirms nothing */
	int64_t up_since_ns;
	struct log_repeat failures, losses, splits; /* limits of log lines */
	uint32_t copies;			    /* of envelopes, made for -destWriteFiles */
	size_t left;				    /* envelopes unsent at the end */
};

static inline int64_t dest_stop_deadline(const struct dest *d)
{
	return __atomic_load_n(&d->stop_deadline_ns, __ATOMIC_ACQUIRE);
}

static inline bool dest_stopping(const struct dest *d)
{
	return dest_stop_deadline(d) != INT64_MAX;
}

static inline void dest_signal(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof(one)); /* a full eventfd is readable already */
	(void)ignored;
}

/* Count lost envelopes under a reason: one of the RECORDS_ rows. */
static inline void dest_count_lost(enum stat_id reason, const struct envelope_sum *s)
{
	stat_add(reason, s->records);
	stat_add(STAT_DEST_DROPPED_BYTES, s->bytes);
}

/* With the lock held. */
static inline void dest_show_queue(const struct dest *d)
{
	stat_set(STAT_DEST_QUEUE_BYTES, d->queue.sum.bytes + d->taken.bytes);
	stat_set(STAT_DEST_QUEUE_ENVELOPES, d->queue.sum.envelopes + d->taken.envelopes);
}

/* Close and empty the queue, counting all of it under one reason. Return the envelopes counted. */
size_t dest_close_queue(struct dest *d, enum stat_id reason);

/* health.c, on the sending thread: an envelope was confirmed; one is lost, with why. */
void health_confirmed(struct dest *d);
void health_lost(struct dest *d, const struct envelope *e);
/* Look whether something waits for too long. Return when to look again, INT64_MAX when nothing waits. */
int64_t health_check(struct dest *d);
/* The destination has ended. */
void health_end(struct dest *d);

/* split.c: cut e in two. Return 0 with both halves and e freed, or -errno with e as it was. */
int dest_split(struct dest *d, struct envelope *e, struct envelope *halves[2]);
/* The peer refused so many bytes, with why: make later envelopes smaller. */
void dest_learn_limit(struct dest *d, size_t bytes);

/* The sending thread. */
void *dest_sender_run(void *dest);

#endif
