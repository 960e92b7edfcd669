/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * This file limits the cost of peers. A connection that sends control frames
 * (PING, SETTINGS, RST_STREAM, PRIORITY, empty DATA, unknown types) faster than
 * any client needs to, or a header list far beyond the announced limit, is closed
 * with ENHANCE_YOUR_CALM. A peer that connects too often, or has too many
 * connections, is refused. Whatever a peer sends, serving the input of all its
 * connections gets H2_CPU_PERCENT of one processor: beyond it they are not read
 * until the debt is paid, so an unforeseen flood stays in the peer's own sockets.
 * accept(2) has a separate share, as the peers are not known yet.
 *
 * The processor time of this thread counts, not wall-clock time: a busy machine
 * slows no peer down.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "grpc/h2_internal.h"
#include "stats/stats.h"

/* The wall-clock time that earns this much processor time at H2_CPU_PERCENT. */
#define PACE_COST(ns_) (100 * (ns_) / H2_CPU_PERCENT)
/* Shortest pause of a connection: bounds the cost of the timer. */
#define RESUME_NS      (10 * NS_PER_MS)
#define RATE(per_s_)   (NS_PER_SEC / (per_s_))

int64_t h2_pace_clock(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Set the timer, unless it expires sooner. */
static void resume_in(struct h2_server *s, int64_t now, int64_t wait)
{
	wait = wait > RESUME_NS ? wait : RESUME_NS;
	if (s->resume_ns && s->resume_ns <= now + wait)
		return;
	s->resume_ns = now + wait;
	loop_timer_set(&s->resume, wait, 0);
}

int h2_pace_admit(struct h2_server *s, int fd, struct peer **peer)
{
	int64_t now = clock_mono_ns();

	*peer = peer_enter(&s->peers, fd);
	if ((*peer)->connections <= s->conn_most * H2_CONNECTIONS_PEER_PCT / 100 &&
	    bucket_take(&(*peer)->connects, now, RATE(H2_CONNECTS_PER_S),
			RATE(H2_CONNECTS_PER_S) * H2_CONNECTS_BURST))
		return 0;
	peer_leave(*peer);
	return -EDQUOT;
}

void h2_pace_accepted(struct h2_server *s, struct loop_watch *listener, int64_t begin)
{
	int64_t now = clock_mono_ns();

	bucket_charge(&s->accepting, now, PACE_COST(h2_pace_clock() - begin));
	int64_t wait = bucket_wait(&s->accepting, now, PACE_COST(H2_CPU_BURST_NS));
	if (wait == 0)
		return;
	loop_modify(s->loop, listener, 0);
	resume_in(s, now, wait);
}

bool h2_pace_may_read(struct h2_conn *c)
{
	int64_t now = clock_mono_ns();
	int64_t wait = bucket_wait(&c->limits->cpu, now, PACE_COST(H2_CPU_BURST_NS));

	if (wait == 0)
		return true;
	c->paused = true;
	stat_add(STAT_GRPC_PAUSED, 1);
	resume_in(c->server, now, wait);
	return false;
}

/* Charge twice the time: input usually causes as much output. Records sent are not charged. */
void h2_pace_did_read(struct h2_conn *c, int64_t took)
{
	bucket_charge(&c->limits->cpu, clock_mono_ns(), 2 * PACE_COST(took));
}

static void resume_event(struct loop_watch *w, uint32_t events)
{
	struct h2_server *s = w->data;
	int64_t now = clock_mono_ns(), wait, next = INT64_MAX;

	loop_timer_read(w);
	s->resume_ns = 0;
	for (struct h2_conn *c = LIST_FIRST(&s->conns), *after; c; c = after) {
		after = LIST_NEXT(c, link);
		if (!c->paused)
			continue;
		wait = bucket_wait(&c->limits->cpu, now, PACE_COST(H2_CPU_BURST_NS));
		c->paused = wait > 0;
		if (wait > 0)
			next = wait < next ? wait : next;
		else if (h2_conn_write(c) < 0) /* which sets the events for epoll */
			h2_conn_close(c);
	}
	wait = bucket_wait(&s->accepting, now, PACE_COST(H2_CPU_BURST_NS));
	if (wait == 0)
		h2_server_listeners(s, EPOLLIN);
	else
		next = wait < next ? wait : next;
	if (next < INT64_MAX)
		resume_in(s, now, next);
}

/* End the session with ENHANCE_YOUR_CALM inside a callback of nghttp2. */
static int calm(struct h2_conn *c, const char *why)
{
	log_debug("grpc", "%s: %s", c->peer, why);
	stat_add(STAT_GRPC_FLOODS, 1);
	nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Return whether a frame carries no content. SETTINGS and DATA are checked when they are complete. */
static bool is_control(const nghttp2_frame_hd *hd)
{
	switch (hd->type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:  /* nghttp2 counts these */
	case NGHTTP2_WINDOW_UPDATE: /* bounded by the data sent; beyond that, by processor time */
	case NGHTTP2_SETTINGS:
	case NGHTTP2_DATA:
		return false;
	default:
		return true;
	}
}

int h2_pace_control(struct h2_conn *c)
{
	if (bucket_take(&c->control, clock_mono_ns(), RATE(H2_CONTROL_PER_S),
			RATE(H2_CONTROL_PER_S) * H2_CONTROL_BURST))
		return 0;
	return calm(c, "too many control frames");
}

int h2_pace_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *data)
{
	struct h2_conn *c = data;

	if (hd->type == NGHTTP2_PING && c->ping_bytes >= H2_PING_BYTES) {
		c->ping_bytes -= H2_PING_BYTES;
		return 0;
	}
	return is_control(hd) ? h2_pace_control(c) : 0;
}

int h2_pace_headers(struct h2_stream *stream)
{
	return stream->header_bytes <= H2_HEADERS_GOAWAY ? 0 : calm(stream->conn, "header list too long");
}

bool h2_stream_costly(struct h2_stream *stream)
{
	return bucket_take(&stream->conn->limits->costly, clock_mono_ns(), RATE(H2_COSTLY_PER_S),
			   RATE(H2_COSTLY_PER_S) * H2_COSTLY_BURST);
}

int h2_pace_open(struct h2_server *s)
{
	s->resume = (struct loop_watch){.fd = -1, .name = "grpc pace", .fn = resume_event, .data = s};
	return loop_timer_open(s->loop, &s->resume);
}
