/* SPDX-License-Identifier: MIT */
#include "dest/dest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/credentials.h"
#include "base/thread.h"
#include "dest/state.h"
#include "record/encoder.h"

/* Time beyond the deadline that dest_stop() waits for the thread, besides grace_ns, before it abandons it. */
#define STOP_GRACE_NS		(1 * NS_PER_SEC)
/* Unused capacity in bytes beyond which a body is shrunk before it waits in the queue. */
#define SLACK_MAX		(16u << 10)
/* Defaults for members of dest_config that are 0, as of the options. */
#define GROUP_BYTES_DEFAULT	(16u << 20)
#define GROUP_EVERY_DEFAULT_NS	(600 * NS_PER_SEC)
#define QUEUE_BYTES_DEFAULT	(64u << 20)
#define SEND_TIMEOUT_DEFAULT_NS (5 * NS_PER_SEC)

void dest_reopen(struct dest *d)
{
	__atomic_store_n(&d->io->reopen, true, __ATOMIC_RELEASE);
	dest_signal(d->wake_fd);
}

struct envelope *dest_envelope_get(struct dest *d)
{
	return envelope_pool_get(&d->pool);
}

void dest_envelope_put(struct dest *d, struct envelope *e)
{
	envelope_pool_put(&d->pool, e);
}

/*
 * Make room for e within the bound by dropping the oldest envelopes that are not
 * being sent; put them into *drop, to be freed outside of the lock. Return
 * false, with nothing dropped, when that would not suffice.
 */
static bool make_room(struct dest *d, const struct envelope *e, struct envelope_queue *drop)
{
	if (d->taken.bytes + e->body.len > d->config.queue_bytes)
		return false;
	while (d->queue.sum.bytes + d->taken.bytes + e->body.len > d->config.queue_bytes)
		envelope_queue_push(drop, envelope_queue_pop(&d->queue));
	return true;
}

/* Shrink a pooled body that is far larger than its content: the queue counts content, not capacity. */
static void trim(struct envelope *e)
{
	if (e->body.len == 0 || e->body.cap - e->body.len <= SLACK_MAX || e->body.cap < 2 * e->body.len)
		return;
	uint8_t *data = realloc(e->body.data, e->body.len);
	if (data) {
		e->body.data = data;
		e->body.cap = e->body.len;
	}
}

void dest_submit(struct dest *d, struct envelope *e)
{
	struct envelope_queue drop = {0};
	bool wake = false;

	if (e->body.len == 0 && e->rows == 0) {
		dest_envelope_put(d, e);
		return;
	}
	stat_add(STAT_ENVELOPES, 1);
	stat_add(STAT_DEST_SUBMITTED_RECORDS, e->rows);
	pthread_mutex_lock(&d->lock);
	enum stat_id reason = STAT_RECORDS_QUEUE_FULL;
	if (d->closed) {
		reason = d->closed_reason;
		envelope_queue_push(&drop, e);
	} else if (make_room(d, e, &drop)) {
		if (d->queue.head)
			trim(e);
		else
			wake = true;
		envelope_queue_push(&d->queue, e);
	} else {
		envelope_queue_push(&drop, e);
	}
	if (!d->closed) {
		d->dropped.envelopes += drop.sum.envelopes;
		d->dropped.bytes += drop.sum.bytes;
		d->dropped.records += drop.sum.records;
	}
	dest_count_lost(reason, &drop.sum);
	dest_show_queue(d);
	pthread_mutex_unlock(&d->lock);
	if (wake)
		dest_signal(d->wake_fd);
	while ((e = envelope_queue_pop(&drop)))
		dest_envelope_put(d, e);
}

size_t dest_close_queue(struct dest *d, enum stat_id reason)
{
	struct envelope_sum lost = {0};
	struct envelope *e;

	pthread_mutex_lock(&d->lock);
	if (!d->closed) {
		lost = d->queue.sum;
		lost.envelopes += d->taken.envelopes;
		lost.bytes += d->taken.bytes;
		lost.records += d->taken.records;
		dest_count_lost(reason, &lost);
		d->closed = true;
		d->closed_reason = reason;
	}
	struct envelope_queue drop = d->queue;
	d->queue = (struct envelope_queue){0};
	stat_set(STAT_DEST_QUEUE_BYTES, 0);
	stat_set(STAT_DEST_QUEUE_ENVELOPES, 0);
	pthread_mutex_unlock(&d->lock);
	while ((e = envelope_queue_pop(&drop)))
		dest_envelope_put(d, e);
	return lost.envelopes;
}

void dest_prepare(struct dest *d, uid_t owner, gid_t group, int given)
{
	if (d->ops->prepare)
		d->ops->prepare(d->io, owner, group, given);
	else if (given >= 0)
		close(given);
}

int dest_kept_fd(struct dest *d)
{
	int fd = d->ops->kept && !d->abandoned ? d->ops->kept(d->io) : -1;

	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int dest_start(struct dest *d)
{
	int r = thread_start(&d->thread, "destination", 0, dest_sender_run, d);

	d->started = r == 0;
	return r;
}

size_t dest_max_envelope(const struct dest *d)
{
	return __atomic_load_n(&d->io->max_envelope, __ATOMIC_RELAXED);
}

bool dest_splits(const struct dest *d)
{
	return d->ops->splits;
}

const char *dest_public_name(const struct dest *d)
{
	return d->name;
}

bool dest_healthy(const struct dest *d)
{
	return __atomic_load_n(&d->up, __ATOMIC_RELAXED);
}

bool dest_failing(const struct dest *d)
{
	return __atomic_load_n(&d->failing, __ATOMIC_RELAXED);
}

void dest_reason(struct dest *d, char reason[DEST_REASON_MAX])
{
	pthread_mutex_lock(&d->lock);
	memcpy(reason, d->reason, DEST_REASON_MAX);
	pthread_mutex_unlock(&d->lock);
}

int dest_ended_fd(const struct dest *d)
{
	return d->ended_fd;
}

/* Tell whether the sending thread ended by until_ns. */
static bool wait_done(struct dest *d, int64_t until_ns)
{
	struct timespec ts = {.tv_sec = until_ns / NS_PER_SEC, .tv_nsec = until_ns % NS_PER_SEC};

	pthread_mutex_lock(&d->lock);
	while (!d->done && pthread_cond_timedwait(&d->done_cond, &d->lock, &ts) == 0)
		;
	bool done = d->done;
	pthread_mutex_unlock(&d->lock);
	return done;
}

size_t dest_stop(struct dest *d, int64_t deadline_ns)
{
	/* INT64_MAX means "not stopping". */
	__atomic_store_n(&d->stop_deadline_ns, deadline_ns == INT64_MAX ? INT64_MAX - 1 : deadline_ns,
			 __ATOMIC_RELEASE);
	dest_signal(d->stop_fd);
	if (!d->started)
		return dest_close_queue(d, STAT_RECORDS_DEADLINE);
	d->started = false;
	int64_t grace_ns = STOP_GRACE_NS + d->ops->grace_ns;
	if (wait_done(d, deadline_ns > INT64_MAX - grace_ns ? INT64_MAX : deadline_ns + grace_ns)) {
		pthread_join(d->thread, NULL);
		return d->left;
	}
	size_t left = dest_close_queue(d, STAT_RECORDS_DEADLINE);
	log_warn(DEST_SUBSYSTEM, "%s: the sending thread did not end in time and is abandoned", d->name);
	pthread_detach(d->thread);
	d->abandoned = true;
	return left;
}

static void destroy(struct dest *d)
{
	if (d->io) {
		if (d->ops->free)
			d->ops->free(d->io);
		free(d->io);
	}
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	if (d->ended_fd >= 0)
		close(d->ended_fd);
	envelope_pool_destroy(&d->pool);
	pthread_cond_destroy(&d->done_cond);
	pthread_mutex_destroy(&d->lock);
	free(d->name);
	free(d->spec);
	free(d);
}

void dest_free(struct dest *d)
{
	if (!d)
		return;
	if (!dest_stopping(d))
		dest_stop(d, clock_mono_ns());
	if (!d->abandoned)
		destroy(d);
}

static struct dest *dest_alloc(const char *spec, const struct dest_config *config)
{
	struct dest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->config = *config;
	if (!d->config.queue_bytes)
		d->config.queue_bytes = QUEUE_BYTES_DEFAULT;
	if (!d->config.parquet_group_bytes)
		d->config.parquet_group_bytes = GROUP_BYTES_DEFAULT;
	if (!d->config.parquet_group_every_ns)
		d->config.parquet_group_every_ns = GROUP_EVERY_DEFAULT_NS;
	if (d->config.send_timeout_ns <= 0)
		d->config.send_timeout_ns = SEND_TIMEOUT_DEFAULT_NS;
	d->spec = strdup(spec);
	d->name = credentials_hide(spec);
	d->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->ended_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->stop_deadline_ns = INT64_MAX;
	d->closed_reason = STAT_RECORDS_DEADLINE;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&d->done_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	envelope_pool_init(&d->pool);
	if (d->spec && d->name && d->wake_fd >= 0 && d->stop_fd >= 0 && d->ended_fd >= 0)
		return d;
	destroy(d);
	return NULL;
}

struct dest *dest_new(const char *spec, const struct dest_config *config, char *error, size_t size)
{
	const struct dest_scheme *scheme = dest_scheme_find(spec);

	if (!scheme) {
		dest_scheme_error(spec, error, size);
		return NULL;
	}
	struct dest *d = dest_alloc(spec, config);
	const char *colon = strchr(spec, ':'), *address = colon ? colon + 1 : spec + strlen(spec);
	const struct dest_ops *instead = scheme->ops->instead ? scheme->ops->instead(config, address) : NULL;
	const struct dest_ops *ops = instead ? instead : scheme->ops;
	if (!d || !(d->io = calloc(1, ops->state_size))) {
		snprintf(error, size, "destination \"%s\": out of memory or descriptors", spec);
		if (d)
			destroy(d);
		return NULL;
	}
	d->ops = ops;
	d->io->dest = d;
	d->io->config = &d->config;
	if (config->encoder && config->encoder->rows && !ops->rows) {
		snprintf(error, size,
			 "destination \"%s\": -marshal %s makes files: it needs file:PATH or s3://BUCKET",
			 d->name, config->encoder->name);
		destroy(d);
		return NULL;
	}
	if (d->ops->parse(d->io, ops->whole_spec ? d->spec : d->spec + (address - spec)) < 0) {
		snprintf(error, size, "destination \"%s\": %s; expected %s", d->name, d->io->why,
			 scheme->syntax);
		destroy(d);
		return NULL;
	}
	return d;
}
