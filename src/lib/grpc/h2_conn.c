/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * nghttp2 implements the protocol; this file adds sockets, timers and limits. A
 * connection reads at most one buffer and writes at most one round per event, so
 * that no peer monopolizes the loop. Output is pulled: nghttp2 supplies frames
 * only while the socket accepts them, so data stays in the owner's queues (which
 * are bounded), and a connection holds at most one batch of frames. A connection
 * whose socket is full is not read either: a peer that floods without reading
 * stops itself.
 *
 * Connections are closed in event and timer callbacks only, never inside a
 * callback of nghttp2, which still uses the session.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "grpc/h2_internal.h"
#include "stats/stats.h"

#define READ_BYTES  16384  /* one read(2) per event */
#define WRITE_BATCH 65536  /* bytes of frames gathered for one send(2) */
#define WRITE_ROUND 262144 /* bytes sent per event before other connections get their turn */
#define FIELD_COST  32	   /* bytes that RFC 9113 6.5.2 adds per header field */

static void stream_free(struct h2_stream *stream)
{
	LIST_REMOVE(stream, link);
	stream->conn->server->stream_count--;
	if (stream->call)
		stream->conn->server->owner->closed(stream->call);
	free(stream);
}

void h2_conn_close(struct h2_conn *c)
{
	struct h2_server *s = c->server;

	while (!LIST_EMPTY(&c->streams))
		stream_free(LIST_FIRST(&c->streams));
	LIST_REMOVE(c, link);
	peer_leave(c->limits);
	stat_set(STAT_GRPC_CONNECTIONS, --s->conn_count);
	loop_remove(s->loop, &c->watch);
	tls_free(c->tls);
	close(c->watch.fd);
	nghttp2_session_del(c->session);
	buf_free(&c->out);
	free(c);
}

/* Set the events that epoll reports for the connection. Return 0 or -errno. */
static int conn_arm(struct h2_conn *c)
{
	bool pending = c->out.len > 0;
	uint32_t events = (pending || c->paused ? 0 : EPOLLIN) |
			  (pending || nghttp2_session_want_write(c->session) ? EPOLLOUT : 0);

	if (events == c->armed)
		return 0;
	c->armed = events;
	return loop_modify(c->server->loop, &c->watch, events);
}

static void conn_alive(struct h2_conn *c)
{
	c->heard_ns = clock_mono_ns();
	c->ping_ns = 0;
}

int h2_conn_read(struct h2_conn *c)
{
	uint8_t data[READ_BYTES];

	if (!c->open)
		return 0;
	ssize_t n = c->tls ? tls_recv(c->tls, data, sizeof(data))
			   : recv(c->watch.fd, data, sizeof(data), MSG_DONTWAIT);

	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	conn_alive(c);
	ssize_t r = nghttp2_session_mem_recv(c->session, data, (size_t)n);
	if (r >= 0)
		return 0;
	log_debug("grpc", "%s: %s, connection closed", c->peer, nghttp2_strerror((int)r));
	return -EPROTO;
}

/* Move frames of nghttp2 into `out`, up to one batch. Return 0 or -errno. */
static int conn_gather(struct h2_conn *c)
{
	while (c->out.len < WRITE_BATCH) {
		const uint8_t *frame;
		ssize_t n = nghttp2_session_mem_send(c->session, &frame);
		if (n < 0)
			return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
		if (n == 0)
			break;
		buf_append(&c->out, frame, (size_t)n);
	}
	return buf_ok(&c->out) ? 0 : -ENOMEM;
}

static ssize_t conn_send(struct h2_conn *c, const uint8_t *data, size_t len)
{
	return c->tls ? tls_send(c->tls, data, len)
		      : send(c->watch.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int h2_conn_write(struct h2_conn *c)
{
	if (!c->open)
		return 0;
	for (size_t round = 0; round < WRITE_ROUND;) {
		if (c->out.len == 0) {
			int r = conn_gather(c);
			if (r < 0)
				return r;
			if (c->out.len == 0)
				break;
		}
		ssize_t n = conn_send(c, c->out.data + c->sent, c->out.len - c->sent);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return -errno;
			c->blocked = true;
			break;
		}
		/* If a full socket has room again, the peer reads: the only sign of life while the
		 * connection is not read. */
		if (c->blocked)
			conn_alive(c);
		c->blocked = false;
		round += (size_t)n;
		c->ping_bytes += (size_t)n;
		c->sent += (size_t)n;
		if (c->sent == c->out.len) {
			buf_reset(&c->out);
			c->sent = 0;
		}
	}
	return conn_arm(c);
}

/* Return whether neither side has more to send (after GOAWAY or a protocol error). */
static bool conn_over(const struct h2_conn *c)
{
	return c->out.len == 0 && !nghttp2_session_want_read(c->session) &&
	       !nghttp2_session_want_write(c->session);
}

static void conn_event(struct loop_watch *w, uint32_t events)
{
	struct h2_conn *c = w->data;
	int r = 0;

	if (!c->open) {
		int64_t begin = h2_pace_clock();
		r = h2_handshake(c);
		h2_pace_did_read(c, h2_pace_clock() - begin);
		if (r < 0)
			h2_conn_close(c);
		if (r < 0 || !c->open)
			return;
	}
	if (events & EPOLLIN && h2_pace_may_read(c)) {
		int64_t begin = h2_pace_clock();
		r = h2_conn_read(c);
		h2_pace_did_read(c, h2_pace_clock() - begin);
	} else if (events & (EPOLLHUP | EPOLLERR))
		r = -ECONNRESET;
	if (r == 0)
		r = h2_conn_write(c);
	else if (r == -EPROTO)
		h2_conn_write(c); /* the GOAWAY with the reason, if the socket has room */
	if (r < 0 || conn_over(c))
		h2_conn_close(c);
}

/* Callbacks of nghttp2 */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static bool is_request(const nghttp2_frame *frame)
{
	return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2_conn *c = data;
	struct h2_server *s = c->server;

	if (!is_request(frame))
		return 0;
	/* The streams of others do not lock an administrator out. */
	size_t most = H2_STREAMS_ALL_MAX + (c->access.access == ACCESS_ADMIN ? H2_STREAMS_MAX : 0);
	struct h2_stream *stream = s->stream_count < most ? calloc(1, sizeof(*stream)) : NULL;
	if (!stream) {
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
					  NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	stream->conn = c;
	stream->id = frame->hd.stream_id;
	LIST_INSERT_HEAD(&c->streams, stream, link);
	s->stream_count++;
	nghttp2_session_set_stream_user_data(session, stream->id, stream);
	stream->call = s->owner->open(s->data, stream);
	if (!stream->call)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_REFUSED_STREAM);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
	struct h2_conn *c = data;
	struct h2_stream *stream = is_request(frame) ? stream_of(session, frame->hd.stream_id) : NULL;

	if (!stream || !stream->call)
		return 0;
	stream->header_bytes += name_len + value_len + FIELD_COST;
	if (stream->header_bytes <= H2_HEADERS_MAX)
		c->server->owner->header(stream->call, (struct str){(const char *)name, (uint32_t)name_len},
					 (struct str){(const char *)value, (uint32_t)value_len});
	return h2_pace_headers(stream);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2_conn *c = data;
	struct h2_stream *stream;

	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		c->settled = true;
		return h2_pace_control(c);
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 &&
		    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			return h2_pace_control(c);
		stream = stream_of(session, frame->hd.stream_id);
		if (!stream || !stream->call)
			return 0;
		if (is_request(frame))
			c->server->owner->request(stream->call, stream->header_bytes > H2_HEADERS_MAX);
		if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			c->server->owner->end(stream->call);
		return 0;
	default:
		return 0;
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
		   void *data)
{
	struct h2_conn *c = data;
	struct h2_stream *stream = stream_of(session, id);

	if (stream && stream->call)
		c->server->owner->body(stream->call, bytes, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *data)
{
	struct h2_stream *stream = stream_of(session, id);

	if (stream) {
		nghttp2_session_set_stream_user_data(session, id, NULL);
		stream_free(stream);
	}
	return 0;
}

/* Tell a peer that still sends after its response has ended to stop, as RFC 9113 8.1 allows. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	int32_t id = frame->hd.stream_id;
	bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);

	if (ends && nghttp2_session_get_stream_remote_close(session, id) == 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
			 nghttp2_data_source *source, void *data)
{
	struct h2_stream *stream = source->ptr;
	bool eof = false;
	size_t n = stream->conn->server->owner->produce(stream->call, buf, size, &eof);

	if (eof)
		*flags |= NGHTTP2_DATA_FLAG_EOF | (stream->trailers ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0);
	else if (n == 0)
		return NGHTTP2_ERR_DEFERRED;
	return (ssize_t)n;
}

int h2_session_setup(struct h2_server *s)
{
	if (nghttp2_session_callbacks_new(&s->callbacks) != 0 || nghttp2_option_new(&s->option) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(s->callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_begin_frame_callback(s->callbacks, h2_pace_frame);
	nghttp2_session_callbacks_set_on_header_callback(s->callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(s->callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(s->callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(s->callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(s->callbacks, on_frame_sent);
	nghttp2_option_set_no_closed_streams(s->option, 1); /* kept only for the old priority tree */
	return 0;
}

/* New connections */

/* Schedule output that was produced outside the connection's own event for the loop's next round. */
static void conn_kick(struct h2_conn *c)
{
	if (!(c->armed & EPOLLOUT)) {
		c->armed |= EPOLLOUT;
		loop_modify(c->server->loop, &c->watch, c->armed);
	}
}

static int session_start(struct h2_conn *c)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX},
	};

	if (nghttp2_session_server_new2(&c->session, c->server->callbacks, c, c->server->option) != 0)
		return -ENOMEM;
	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) != 0)
		return -ENOMEM;
	return 0;
}

int h2_conn_new(struct h2_server *s, int fd, struct peer *limits)
{
	struct h2_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct h2_conn){.server = s, .limits = limits, .armed = EPOLLIN, .opened_ns = clock_mono_ns()};
	c->watch = (struct loop_watch){.fd = fd, .name = "grpc connection", .fn = conn_event, .data = c};
	c->heard_ns = c->opened_ns;
	int r = session_start(c);
	if (r == 0)
		r = h2_identify(c);
	if (r == 0)
		r = loop_add(s->loop, &c->watch, c->armed);
	if (r < 0) {
		tls_free(c->tls);
		nghttp2_session_del(c->session);
		free(c);
		return r;
	}
	LIST_INSERT_HEAD(&s->conns, c, link);
	stat_set(STAT_GRPC_CONNECTIONS, ++s->conn_count);
	c->open = !c->tls;
	if (c->open)
		conn_kick(c); /* our SETTINGS wait to be sent */
	return 0;
}

/* Responses */

static size_t to_nv(nghttp2_nv nv[static H2_RESPONSE_HEADERS], const struct h2_header *headers, size_t count)
{
	size_t n = 0;

	for (; n < count && n < H2_RESPONSE_HEADERS; n++)
		nv[n] = (nghttp2_nv){(uint8_t *)headers[n].name.p, (uint8_t *)headers[n].value.p,
				     headers[n].name.len, headers[n].value.len, NGHTTP2_NV_FLAG_NONE};
	return n;
}

int h2_stream_respond(struct h2_stream *stream, const struct h2_header *headers, size_t count, bool body)
{
	nghttp2_nv nv[H2_RESPONSE_HEADERS];
	nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};

	int r = nghttp2_submit_response(stream->conn->session, stream->id, nv, to_nv(nv, headers, count),
					body ? &provider : NULL);
	conn_kick(stream->conn);
	return r == 0 ? 0 : -ENOMEM;
}

int h2_stream_trailers(struct h2_stream *stream, const struct h2_header *headers, size_t count)
{
	nghttp2_nv nv[H2_RESPONSE_HEADERS];

	stream->trailers = true;
	return nghttp2_submit_trailer(stream->conn->session, stream->id, nv, to_nv(nv, headers, count)) == 0
		   ? 0
		   : -ENOMEM;
}

void h2_stream_wake(struct h2_stream *stream)
{
	nghttp2_session_resume_data(stream->conn->session, stream->id);
	conn_kick(stream->conn);
}

void h2_stream_reset(struct h2_stream *stream)
{
	nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id,
				  NGHTTP2_ENHANCE_YOUR_CALM);
	conn_kick(stream->conn);
}

const char *h2_stream_peer(const struct h2_stream *stream)
{
	return stream->conn->peer;
}

const struct access_peer *h2_stream_access(const struct h2_stream *stream)
{
	return &stream->conn->access;
}
