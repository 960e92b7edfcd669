/* SPDX-License-Identifier: MIT */
#include "api/record_service.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "api/chunk_filter.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protowire.h"
#include "control/trailer.h"
#include "filter/filter.h"
#include "poll/poll.h"
#include "stats/stats.h"
#include "xtcp_flat_record/v1/xtcp_flat_record.pb-c.h"

/* Key of field 1, length-delimited, which precedes the record in FlatRecordsResponse. */
#define RECORD_KEY 0x0a
/* Longest time that records of a long cycle wait before they are sent. */
#define LAG_NS	   (100 * NS_PER_MS)
/* Bytes of chunks kept between polls while there are streams: some 25,000 records. */
#define KEEP_BYTES (8 << 20)

/*
 * State of a PollFlatRecords stream. FlatRecords streams are always RUNNING: they
 * get every cycle.
 */
enum phase {
	PHASE_IDLE,    /* no request is open */
	PHASE_WAITING, /* has requested a cycle that has not begun */
	PHASE_RUNNING, /* receives the records of the running cycle */
};

struct listener {
	LIST_ENTRY(listener) link;
	struct grpc_call *call;
	struct record_service *service;
	enum phase phase;
	struct filter *filter; /* of its request; NULL for all records */
	bool polls;	       /* PollFlatRecords */
	bool half_closed;      /* ends after its last request */
	uint32_t requests;     /* open ones, the running one included */
};

struct record_service {
	struct poll_tap tap;
	struct loop *loop;
	const struct grpc_backend *backend;
	struct loop_watch wake;
	LIST_HEAD(, listener) listeners;
	size_t queue_bytes, listener_count;
	bool tapped;
	struct grpc_chunk_pool pool;
	pthread_mutex_t lock; /* guards the members below */
	struct grpc_chunk *first, **last;
	size_t queued;
	int64_t since_ns; /* arrival of the first chunk in the list */
	bool woken;	  /* the main thread was woken to empty the list */
	uint64_t missed;  /* records dropped because the list was full */
};

/* Worker threads */

/* Frame the records in data (format: struct poll_tap). Return NULL without memory or if malformed. */
static struct grpc_chunk *frame(struct grpc_chunk_pool *pool, const uint8_t *data, size_t len, uint32_t rows)
{
	struct grpc_chunk *chunk = grpc_chunk_new(pool, len + (size_t)GRPC_PREFIX * rows, rows);
	struct protowire r = {data, data + len, false};

	if (!chunk)
		return NULL;
	uint8_t *out = chunk->data;
	for (uint32_t i = 0; i < rows; i++) {
		const uint8_t *start = r.p++;
		uint64_t size;
		if (start >= r.end || !protowire_varint(&r, &size) || size > (uint64_t)(r.end - r.p)) {
			grpc_chunk_unref(chunk);
			return NULL;
		}
		r.p += size;
		size_t row = (size_t)(r.p - start);
		grpc_prefix_put(out, (uint32_t)row);
		memcpy(out + GRPC_PREFIX, start, row);
		out[GRPC_PREFIX] = RECORD_KEY; /* replaces the envelope's key */
		out += GRPC_PREFIX + row;
	}
	return chunk;
}

/* Append chunk; return whether the list must be sent before the cycle ends. The caller holds the lock. */
static bool list_push(struct record_service *s, struct grpc_chunk *chunk)
{
	int64_t now = clock_mono_ns();

	if (!s->first)
		s->since_ns = now;
	*s->last = chunk;
	s->last = &chunk->next;
	s->queued += chunk->cap;
	return s->queued >= s->queue_bytes / 2 || now - s->since_ns >= LAG_NS;
}

static void batch(struct poll_tap *tap, const uint8_t *data, size_t len, uint32_t rows)
{
	struct record_service *s = (struct record_service *)(void *)tap; /* tap is the first member */
	struct grpc_chunk *chunk = frame(&s->pool, data, len, rows);

	pthread_mutex_lock(&s->lock);
	bool fits = chunk && s->queued + chunk->cap <= s->queue_bytes;
	bool wake = fits && list_push(s, chunk) && !s->woken;
	s->woken |= wake;
	if (!fits)
		s->missed += rows;
	pthread_mutex_unlock(&s->lock);
	if (!fits)
		grpc_chunk_unref(chunk);
	if (wake)
		eventfd_write(s->wake.fd, 1);
}

static void hurry(struct poll_tap *tap)
{
	eventfd_write(((struct record_service *)(void *)tap)->wake.fd, 1);
}

/* Main thread */

static void listener_miss(struct listener *l, uint64_t records)
{
	l->call->missed += records;
	stat_add(STAT_GRPC_MISSED, records);
}

/* Send what the listener asked for of a chunk. */
static void listener_send(struct listener *l, struct grpc_chunk *chunk)
{
	uint32_t kept;

	if (!l->filter) {
		grpc_send_chunk(l->call, chunk);
		return;
	}
	struct grpc_chunk *part = chunk_filter(&l->service->pool, chunk, l->filter, &kept);
	if (part)
		grpc_send_chunk(l->call, part);
	else
		listener_miss(l, kept);
	grpc_chunk_unref(part);
}

/* Send all chunks in the list to the streams. */
static void distribute(struct record_service *s)
{
	struct listener *l;

	pthread_mutex_lock(&s->lock);
	struct grpc_chunk *chunk = s->first;
	uint64_t missed = s->missed;
	s->first = NULL;
	s->last = &s->first;
	s->queued = 0;
	s->woken = false;
	s->missed = 0;
	pthread_mutex_unlock(&s->lock);

	for (struct grpc_chunk *next; chunk; chunk = next) {
		next = chunk->next;
		LIST_FOREACH(l, &s->listeners, link)
		{
			if (l->phase == PHASE_RUNNING)
				listener_send(l, chunk);
		}
		grpc_chunk_unref(chunk);
	}
	if (missed == 0)
		return;
	LIST_FOREACH(l, &s->listeners, link)
	{
		if (l->phase == PHASE_RUNNING)
			listener_miss(l, missed);
	}
}

static void wake_event(struct loop_watch *w, uint32_t events)
{
	eventfd_t value;

	eventfd_read(w->fd, &value);
	distribute(w->data);
}

static void tap_update(struct record_service *s)
{
	bool wanted = !LIST_EMPTY(&s->listeners);

	if (wanted != s->tapped) {
		s->tapped = wanted;
		grpc_chunk_pool_keep(&s->pool, wanted ? KEEP_BYTES : 0);
		s->backend->set_tap(s->backend->data, wanted ? &s->tap : NULL);
	}
}

static struct listener *listener_new(struct grpc_call *call, bool polls)
{
	struct record_service *s = call->service;

	if (s->listener_count >= RECORD_LISTENERS_MAX) {
		stat_add(STAT_GRPC_REFUSED_STREAMS, 1);
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "more than %d streams of records",
			    RECORD_LISTENERS_MAX);
		return NULL;
	}
	struct listener *l = calloc(1, sizeof(*l));
	if (!l) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for another stream");
		return NULL;
	}
	*l = (struct listener){.call = call, .service = s, .polls = polls};
	call->user = l;
	LIST_INSERT_HEAD(&s->listeners, l, link);
	s->listener_count++;
	tap_update(s);
	grpc_start(call);
	return l;
}

static void listener_closed(struct grpc_call *call)
{
	struct listener *l = call->user;

	if (!l)
		return;
	LIST_REMOVE(l, link);
	l->service->listener_count--;
	tap_update(l->service);
	filter_free(l->filter);
	free(l);
}

/* Take the filter of a request. false: it is wrong, and the call has ended with the reason. */
static bool take_filter(struct grpc_call *call, struct listener *l, const char *text)
{
	char error[512];
	struct filter *f = filter_new(text, error, sizeof(error));

	if (*error) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "filter: %s", error);
		return false;
	}
	filter_free(l->filter);
	l->filter = f;
	return true;
}

static void flat_records(struct grpc_call *call, const ProtobufCMessage *request)
{
	const XtcpFlatRecord__V1__FlatRecordsRequest *asked =
	    (const XtcpFlatRecord__V1__FlatRecordsRequest *)(const void *)request;
	struct listener *l = listener_new(call, false);

	if (l && take_filter(call, l, asked->filter))
		l->phase = PHASE_RUNNING;
}

/* Request the cycle for the stream's next request. */
static void listener_trigger(struct listener *l)
{
	const struct grpc_backend *backend = l->service->backend;
	int r = backend->trigger(backend->data);

	if (r == 0 || r == -EBUSY)
		l->phase = r == 0 ? PHASE_RUNNING : PHASE_WAITING;
	else
		grpc_finish(l->call, GRPC_UNAVAILABLE, "cannot poll: %s", strerror(-r));
}

static void poll_flat_records(struct grpc_call *call, const ProtobufCMessage *request)
{
	const XtcpFlatRecord__V1__PollFlatRecordsRequest *asked =
	    (const XtcpFlatRecord__V1__PollFlatRecordsRequest *)(const void *)request;
	struct listener *l = call->user ? call->user : listener_new(call, true);

	if (!l || !grpc_costly(call, "polls"))
		return;
	if (l->requests >= RECORD_REQUESTS_MAX) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "more than %d polls are pending",
			    RECORD_REQUESTS_MAX);
		return;
	}
	if (!take_filter(call, l, asked->filter))
		return;
	l->requests++;
	if (l->phase == PHASE_IDLE)
		listener_trigger(l);
}

static void poll_flat_records_end(struct grpc_call *call)
{
	struct listener *l = call->user;

	if (!l || l->requests == 0)
		grpc_finish(call, GRPC_OK, NULL);
	else
		l->half_closed = true;
}

/* Finish the stream's request whose cycle has just ended. */
static void listener_cycle_done(struct listener *l)
{
	l->phase = PHASE_IDLE;
	if (--l->requests > 0)
		listener_trigger(l);
	else if (l->half_closed)
		grpc_finish(l->call, GRPC_OK, NULL);
}

void record_service_poll_done(struct record_service *s)
{
	struct listener *l;

	distribute(s);
	/* The next cycle, triggered here or queued before, serves the waiting streams. */
	LIST_FOREACH(l, &s->listeners, link)
	{
		if (l->polls && l->phase == PHASE_RUNNING)
			listener_cycle_done(l);
		else if (l->polls && l->phase == PHASE_WAITING)
			l->phase = PHASE_RUNNING;
	}
}

const struct grpc_method record_methods[] = {
    {
	.name = "FlatRecords",
	.kind = GRPC_SERVER_STREAM,
	.needs = ACCESS_READ,
	.request = &xtcp_flat_record__v1__flat_records_request__descriptor,
	.message = flat_records,
	.closed = listener_closed,
	.missed_trailer = RECORD_MISSED_TRAILER,
    },
    {
	.name = "PollFlatRecords",
	.kind = GRPC_BIDI,
	.needs = ACCESS_ADMIN, /* it triggers polls */
	.request = &xtcp_flat_record__v1__poll_flat_records_request__descriptor,
	.message = poll_flat_records,
	.half_close = poll_flat_records_end,
	.closed = listener_closed,
	.missed_trailer = RECORD_MISSED_TRAILER,
    },
    {0},
};

struct record_service *record_service_new(struct loop *loop, const struct grpc_backend *backend,
					  size_t queue_bytes)
{
	struct record_service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct record_service){
	    .tap = {batch, hurry}, .loop = loop, .backend = backend, .queue_bytes = queue_bytes};
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	grpc_chunk_pool_init(&s->pool);
	s->wake = (struct loop_watch){.name = "grpc records", .fn = wake_event, .data = s};
	s->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int r = s->wake.fd < 0 ? -errno : loop_add(loop, &s->wake, EPOLLIN);
	if (r < 0) {
		record_service_free(s);
		errno = -r;
		return NULL;
	}
	return s;
}

void record_service_free(struct record_service *s)
{
	if (!s)
		return;
	distribute(s);
	if (s->wake.fd >= 0) {
		loop_remove(s->loop, &s->wake);
		close(s->wake.fd);
	}
	grpc_chunk_pool_destroy(&s->pool);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
