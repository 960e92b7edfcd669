/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "dest/copy.h"
#include "dest/state.h"

/* Back-off between two attempts to reach the peer: doubles from the first to the second, with a jitter of
 * 25 %. */
#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (10 * NS_PER_SEC)
/* Longest wait after DEST_BUSY when nothing wakes the thread. */
#define BUSY_NS	       (100 * NS_PER_MS)
/* Longest pause that a peer may ask for. */
#define PAUSE_MAX_NS   (60 * NS_PER_SEC)
/* Interval between two log lines about drops. */
#define REPORT_NS      (60 * NS_PER_SEC)

static void count_lost_one(enum stat_id reason, const struct envelope *e)
{
	struct envelope_sum s = {0};

	envelope_sum_add(&s, e);
	dest_count_lost(reason, &s);
}

/* Take the oldest envelope in hand, if there is none yet. */
static struct envelope *take(struct dest *d)
{
	if (d->in_hand)
		return d->in_hand;
	pthread_mutex_lock(&d->lock);
	d->in_hand = envelope_queue_pop(&d->queue);
	if (d->in_hand)
		envelope_sum_add(&d->taken, d->in_hand);
	pthread_mutex_unlock(&d->lock);
	return d->in_hand;
}

/* Replace e by its halves, which return to the queue. Return false, with nothing done, when it cannot be cut. */
static bool split(struct dest *d, struct envelope *e)
{
	struct envelope_sum whole = {0};
	struct envelope *halves[2];

	envelope_sum_add(&whole, e);
	if (dest_split(d, e, halves) < 0)
		return false;
	stat_add(STAT_ENVELOPES, 1);
	pthread_mutex_lock(&d->lock);
	d->taken.envelopes -= whole.envelopes;
	d->taken.bytes -= whole.bytes;
	d->taken.records -= whole.records;
	for (int i = 0; i < 2; i++) {
		envelope_sum_add(&d->taken, halves[i]);
		envelope_queue_push(&d->returned, halves[i]);
	}
	pthread_mutex_unlock(&d->lock);
	return true;
}

/* End what take() began: count and free e, or keep it for give_back(). */
static void settle(struct dest *d, struct envelope *e, enum dest_result result)
{
	if (result == DEST_RETRY) {
		envelope_queue_push(&d->returned, e);
		return;
	}
	size_t bytes = e->body.len;
	if (result == DEST_SPLIT && split(d, e)) {
		dest_learn_limit(d, bytes);
		return;
	}
	if (result == DEST_SENT) {
		d->backoff_ns = BACKOFF_MIN_NS;
		health_confirmed(d);
	} else {
		health_lost(d, e);
	}
	pthread_mutex_lock(&d->lock);
	envelope_sum_sub(&d->taken, e);
	if (!d->closed && result == DEST_SENT) {
		stat_add(STAT_DEST_SENT_ENVELOPES, 1);
		stat_add(STAT_DEST_SENT_RECORDS, e->rows);
		stat_add(STAT_DEST_SENT_BYTES, e->body.len - e->skip);
	} else if (!d->closed) {
		count_lost_one(STAT_RECORDS_SEND_FAILED, e);
	}
	dest_show_queue(d);
	pthread_mutex_unlock(&d->lock);
	dest_envelope_put(d, e);
}

/* Put envelopes to be retried back at the head of the queue, where they are the oldest and dropped first. */
static void give_back(struct dest *d)
{
	if (!d->returned.head)
		return;
	pthread_mutex_lock(&d->lock);
	d->taken.envelopes -= d->returned.sum.envelopes;
	d->taken.bytes -= d->returned.sum.bytes;
	d->taken.records -= d->returned.sum.records;
	envelope_queue_prepend(&d->queue, &d->returned);
	pthread_mutex_unlock(&d->lock);
}

static void report_drops(struct dest *d, bool last)
{
	int64_t now = clock_mono_ns();

	if (now < d->next_drop_report_ns && !last)
		return;
	pthread_mutex_lock(&d->lock);
	struct envelope_sum s = d->dropped;
	d->dropped = (struct envelope_sum){0};
	pthread_mutex_unlock(&d->lock);
	if (!s.envelopes)
		return;
	d->next_drop_report_ns = now + REPORT_NS;
	log_warn(DEST_SUBSYSTEM,
		 "%s: queue full (%zu bytes): dropped the oldest %" PRIu64 " envelopes, %" PRIu64
		 " records, %" PRIu64 " bytes since the last report; %" PRIu64 " records since the start",
		 d->name, d->config.queue_bytes, s.envelopes, s.records, s.bytes,
		 stat_get(STAT_RECORDS_QUEUE_FULL));
}

/* Sleep until until_ns, a wake-up, the stop, or an event on the idle connection, which is returned. */
static short sleep_until(struct dest *d, int64_t until_ns, bool watch)
{
	struct pollfd fds[3] = {{.fd = d->wake_fd, .events = POLLIN}, {.fd = -1}, {.fd = -1}};
	int64_t deadline = dest_stop_deadline(d);

	if (deadline == INT64_MAX)
		fds[1] = (struct pollfd){.fd = d->stop_fd, .events = POLLIN};
	if (watch && d->ops->idle_fd)
		fds[2].fd = d->ops->idle_fd(d->io, &fds[2].events);
	if (deadline < until_ns)
		until_ns = deadline;
	int64_t left = until_ns - clock_mono_ns();
	struct timespec ts = {.tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC};
	if (left <= 0)
		ts = (struct timespec){0};
	if (ppoll(fds, ARRAY_SIZE(fds), until_ns == INT64_MAX ? NULL : &ts, NULL) <= 0)
		return 0;
	uint64_t count;
	if (fds[0].revents && read(d->wake_fd, &count, sizeof(count)) < 0)
		return 0;
	return fds[2].revents;
}

static int64_t jitter(int64_t ns)
{
	uint16_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = UINT16_MAX / 2;
	return ns - ns / 4 + ns / 2 * r / UINT16_MAX;
}

/* Put in_hand, which may be NULL, back into the queue behind the envelopes of the destination, which are
 * older. */
static void disconnect(struct dest *d, struct envelope *in_hand)
{
	if (d->ops->disconnect)
		d->ops->disconnect(d->io);
	d->connected = false;
	if (in_hand)
		settle(d, in_hand, DEST_RETRY);
	give_back(d);
}

/* Log a failed connect, a failed send or a lost connection, and back off. */
static void back_off(struct dest *d)
{
	int64_t wait = jitter(d->backoff_ns);

	if (wait < d->io->pause_ns)
		wait = d->io->pause_ns < PAUSE_MAX_NS ? d->io->pause_ns : PAUSE_MAX_NS;
	d->io->pause_ns = 0;
	stat_add(STAT_DEST_ERRORS, 1);
	d->next_attempt_ns = clock_mono_ns() + wait;
	d->backoff_ns = d->backoff_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : d->backoff_ns * 2;
	dest_down(d->io);
}

static void end(struct dest *d)
{
	log_warn(DEST_SUBSYSTEM, "%s: %s: ending", d->name, d->io->why);
	health_end(d);
	d->ended = true;
	dest_signal(d->ended_fd);
}

/* Act on the result of an operation other than send(); return true when the connection continues. */
static bool goes_on(struct dest *d, enum dest_result r)
{
	if (r == DEST_ENDED) {
		end(d);
		return false;
	}
	if (r == DEST_RETRY) {
		disconnect(d, NULL);
		back_off(d);
		return false;
	}
	give_back(d);
	return true;
}

static void try_connect(struct dest *d)
{
	int64_t now = clock_mono_ns();

	if (now < d->next_attempt_ns) {
		bool was_stopping = dest_stopping(d);
		sleep_until(d, d->next_attempt_ns, false);
		/* Stopping cuts the wait once, because little time may be left. */
		if (!was_stopping && dest_stopping(d))
			d->next_attempt_ns = now;
		return;
	}
	d->io->why[0] = '\0';
	int r = d->ops->connect ? d->ops->connect(d->io, now + d->config.send_timeout_ns) : 0;
	if (r < 0) {
		disconnect(d, NULL);
		back_off(d);
		return;
	}
	d->connected = true;
	stat_add(STAT_DEST_CONNECTS, 1);
	if (!d->ops->lazy)
		dest_reached(d->io);
}

static void send_one(struct dest *d, struct envelope *e)
{
	size_t limit = dest_max_envelope(d);

	/* Made before the limit was learned. */
	if (limit && e->body.len > limit && split(d, e)) {
		d->in_hand = NULL;
		give_back(d);
		return;
	}
	if (!e->copied && d->copies < d->config.write_files)
		dest_copy(&d->config, e, ++d->copies);
	enum dest_result r = d->ops->send(d->io, e, clock_mono_ns() + d->config.send_timeout_ns);
	if (r == DEST_BUSY) {
		sleep_until(d, clock_mono_ns() + BUSY_NS, false);
		return;
	}
	if (r == DEST_ENDED) {
		end(d);
		return;
	}
	d->in_hand = NULL;
	if (r == DEST_RETRY) {
		disconnect(d, e);
		back_off(d);
	} else if (r != DEST_TAKEN) {
		settle(d, e, r);
		give_back(d);
	}
}

static bool finished(struct dest *d)
{
	if (d->ended)
		return true;
	int64_t deadline = dest_stop_deadline(d);
	if (deadline == INT64_MAX)
		return false;
	pthread_mutex_lock(&d->lock);
	bool empty = !d->queue.head && !d->taken.envelopes;
	pthread_mutex_unlock(&d->lock);
	return empty || clock_mono_ns() >= deadline;
}

static void step(struct dest *d)
{
	report_drops(d, false);
	int64_t look_again_ns = health_check(d);
	if (!d->connected) {
		try_connect(d);
		return;
	}
	if (d->ops->service && !goes_on(d, d->ops->service(d->io)))
		return;
	struct envelope *e = take(d);
	if (e) {
		send_one(d, e);
		return;
	}
	if (dest_stopping(d) && d->ops->drain && !goes_on(d, d->ops->drain(d->io)))
		return;
	if (finished(d)) /* service() may have completed the last envelope */
		return;
	int64_t until = d->io->tick_ns > 0 ? clock_mono_ns() + d->io->tick_ns : INT64_MAX;
	if (until > look_again_ns)
		until = look_again_ns;
	short revents = sleep_until(d, until, true);
	if (revents)
		goes_on(d, d->ops->idle(d->io, revents));
}

void *dest_sender_run(void *dest)
{
	struct dest *d = dest;

	d->backoff_ns = BACKOFF_MIN_NS;
	while (!finished(d))
		step(d);
	disconnect(d, take_ptr(d->in_hand));
	report_drops(d, true);
	d->left = dest_close_queue(d, d->ended ? STAT_RECORDS_SEND_FAILED : STAT_RECORDS_DEADLINE);
	health_end(d);
	pthread_mutex_lock(&d->lock);
	d->done = true;
	pthread_cond_signal(&d->done_cond);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- functions for destinations --- */

void dest_why(struct dest_io *io, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(io->why, sizeof(io->why), fmt, ap);
	va_end(ap);
	if (err && n >= 0 && (size_t)n < sizeof(io->why))
		snprintf(io->why + n, sizeof(io->why) - n, ": %s", strerror(err));
	str_to_line(io->why);
}

int64_t dest_deadline(struct dest_io *io, int64_t deadline_ns)
{
	int64_t stop = dest_stop_deadline(io->dest);

	return stop < deadline_ns ? stop : deadline_ns;
}

int dest_wait(struct dest_io *io, int fd, short events, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = -1, .events = POLLIN}};
		if (!dest_stopping(io->dest))
			fds[1].fd = io->dest->stop_fd;
		int64_t left = dest_deadline(io, deadline_ns) - clock_mono_ns();
		if (left < 0)
			left = 0;
		struct timespec ts = {.tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC};
		int n = ppoll(fds, ARRAY_SIZE(fds), &ts, NULL);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

int dest_wake_fd(struct dest_io *io)
{
	return io->dest->wake_fd;
}

void dest_wake(struct dest_io *io)
{
	dest_signal(io->dest->wake_fd);
}

int dest_stop_fd(struct dest_io *io)
{
	return io->dest->stop_fd;
}

void dest_complete(struct dest_io *io, struct envelope *e, enum dest_result result)
{
	settle(io->dest, e, result);
}

const char *dest_name(struct dest_io *io)
{
	return io->dest->name;
}
