/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * nghttp2 does the protocol; this file gives it sockets, time and limits. A
 * connection reads at most one buffer and writes at most one round an event, so
 * that no peer keeps the loop to itself. Output is pulled: nghttp2 is asked for
 * frames only while the socket takes them, so bytes wait in the owner's queues
 * (which are bounded) and not here: a connection holds one batch of frames at
 * most. A connection whose socket does not take its output is not read either:
 * a peer that floods without reading stops itself.
 *
 * Closing happens in event and timer callbacks only, never inside a callback of
 * nghttp2, which must not lose its session under its feet.
 */
#include "api/h2.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "stats/stats.h"

#define READ_BYTES   16384  /* one read(2) an event */
#define WRITE_BATCH  65536  /* frames are gathered up to here for one send(2) */
#define WRITE_ROUND  262144 /* bytes sent an event before other connections get their turn */
#define ACCEPT_ROUND 64	    /* connections accepted an event */
#define TICK_S	     5	    /* how often silence is looked for */
#define LISTEN_QUEUE 256    /* backlog of listen(2) */
#define FIELD_COST   32	    /* what RFC 9113 6.5.2 adds to each header field */
#define LOG_EVERY_NS (60 * NS_PER_SEC)

struct h2_stream {
	LIST_ENTRY(h2_stream) link;
	struct h2_conn *conn;
	void *call;
	size_t header_bytes;
	int32_t id;
	bool trailers;
};

struct h2_conn {
	LIST_ENTRY(h2_conn) link;
	LIST_HEAD(, h2_stream) streams;
	struct h2_server *server;
	struct loop_watch watch;
	nghttp2_session *session;
	struct buf out; /* frames on their way to the socket, the first `sent` bytes are gone */
	size_t sent;
	uint32_t armed;			      /* events epoll watches for */
	int64_t opened_ns, heard_ns, ping_ns; /* ping_ns: when the unanswered PING went out, or 0 */
	bool settled;			      /* the peer's SETTINGS came */
	bool blocked;			      /* the socket took no more at the last try */
	char peer[INET6_ADDRSTRLEN + 10];
};

struct h2_server {
	struct loop *loop;
	const struct h2_owner *owner;
	void *data;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct loop_watch listener, tick;
	LIST_HEAD(, h2_conn) conns;
	size_t conn_count, stream_count;
	struct log_limit refused_log, accept_log;
};

static void stream_free(struct h2_stream *stream)
{
	LIST_REMOVE(stream, link);
	stream->conn->server->stream_count--;
	if (stream->call)
		stream->conn->server->owner->closed(stream->call);
	free(stream);
}

static void conn_close(struct h2_conn *c)
{
	struct h2_server *s = c->server;

	while (!LIST_EMPTY(&c->streams))
		stream_free(LIST_FIRST(&c->streams));
	LIST_REMOVE(c, link);
	stat_set(STAT_GRPC_CONNECTIONS, --s->conn_count);
	loop_remove(s->loop, &c->watch);
	close(c->watch.fd);
	nghttp2_session_del(c->session);
	buf_free(&c->out);
	free(c);
}

/* Tells epoll what the connection waits for now. 0 or -errno. */
static int conn_arm(struct h2_conn *c)
{
	bool pending = c->out.len > 0;
	uint32_t events =
	    (pending ? 0 : EPOLLIN) | (pending || nghttp2_session_want_write(c->session) ? EPOLLOUT : 0);

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

static int conn_read(struct h2_conn *c)
{
	uint8_t data[READ_BYTES];
	ssize_t n = recv(c->watch.fd, data, sizeof(data), MSG_DONTWAIT);

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

/* Moves frames of nghttp2 into `out` up to one batch. 0 or -errno. */
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

/* Sends until the socket is full, the round is over or there is nothing left. 0 or -errno. */
static int conn_write(struct h2_conn *c)
{
	for (size_t round = 0; round < WRITE_ROUND;) {
		if (c->out.len == 0) {
			int r = conn_gather(c);
			if (r < 0)
				return r;
			if (c->out.len == 0)
				break;
		}
		ssize_t n = send(c->watch.fd, c->out.data + c->sent, c->out.len - c->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return -errno;
			c->blocked = true;
			break;
		}
		/* Room in a socket that was full is the peer reading: a sign of life, and the only one while
		 * we do not read. */
		if (c->blocked)
			conn_alive(c);
		c->blocked = false;
		round += (size_t)n;
		c->sent += (size_t)n;
		if (c->sent == c->out.len) {
			buf_reset(&c->out);
			c->sent = 0;
		}
	}
	return conn_arm(c);
}

/* Whether there is nothing more to say on either side (after GOAWAY, protocol errors). */
static bool conn_over(const struct h2_conn *c)
{
	return c->out.len == 0 && !nghttp2_session_want_read(c->session) &&
	       !nghttp2_session_want_write(c->session);
}

static void conn_event(struct loop_watch *w, uint32_t events)
{
	struct h2_conn *c = w->data;
	int r = 0;

	if (events & EPOLLIN)
		r = conn_read(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -ECONNRESET;
	if (r == 0)
		r = conn_write(c);
	else if (r == -EPROTO)
		conn_write(c); /* the GOAWAY that says why, if the socket takes it */
	if (r < 0 || conn_over(c))
		conn_close(c);
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
	struct h2_stream *stream = s->stream_count < H2_STREAMS_ALL_MAX ? calloc(1, sizeof(*stream)) : NULL;
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
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2_conn *c = data;
	struct h2_stream *stream;

	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		c->settled = true;
		return 0;
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
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

/* A response that ended while the peer still sends: tell it to stop, as RFC 9113 8.1 allows. */
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

/* Connections come */

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

static void peer_name(struct h2_conn *c)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN] = "", port[6] = "";

	if (getpeername(c->watch.fd, (struct sockaddr *)&addr, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(c->peer, sizeof(c->peer), "peer");
	else
		snprintf(c->peer, sizeof(c->peer), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int h2_server_adopt(struct h2_server *s, int fd)
{
	_cleanup_close_ int owned = fd;
	struct h2_conn *c = s->conn_count < H2_CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return s->conn_count < H2_CONNECTIONS_MAX ? -ENOMEM : -EUSERS;
	*c = (struct h2_conn){.server = s, .armed = EPOLLIN, .opened_ns = clock_mono_ns()};
	c->watch = (struct loop_watch){.fd = fd, .name = "grpc connection", .fn = conn_event, .data = c};
	c->heard_ns = c->opened_ns;
	int r = session_start(c);
	if (r == 0)
		r = loop_add(s->loop, &c->watch, c->armed);
	if (r < 0) {
		nghttp2_session_del(c->session);
		free(c);
		return r;
	}
	peer_name(c);
	LIST_INSERT_HEAD(&s->conns, c, link);
	stat_set(STAT_GRPC_CONNECTIONS, ++s->conn_count);
	take_fd(owned);
	if (s->conn_count == 1)
		loop_timer_set(&s->tick, TICK_S * NS_PER_SEC, TICK_S * NS_PER_SEC);
	return conn_arm(c);
}

static void refuse(struct h2_server *s, const char *why)
{
	uint64_t more;

	stat_add(STAT_GRPC_REFUSED, 1);
	if (log_limit_pass(&s->refused_log, LOG_EVERY_NS, &more))
		log_warn("grpc", "connection refused: %s (%llu more like it)", why, (unsigned long long)more);
}

static void listener_event(struct loop_watch *w, uint32_t events)
{
	struct h2_server *s = w->data;

	for (int i = 0; i < ACCEPT_ROUND; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			/*
			 * Out of descriptors or memory: the connection stays in
			 * the backlog; the tick looks again, so that a
			 * level-triggered watch does not spin meanwhile.
			 */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
				refuse(s, strerror(errno));
				loop_modify(s->loop, w, 0);
				loop_timer_set(&s->tick, TICK_S * NS_PER_SEC, TICK_S * NS_PER_SEC);
			}
			return;
		}
		int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		int r = h2_server_adopt(s, fd);
		if (r < 0)
			refuse(s, r == -EUSERS ? "too many connections" : strerror(-r));
	}
}

/* 0, or the reason to close the connection. Sends the PING that asks a silent peer. */
static const char *conn_check(struct h2_conn *c, int64_t now)
{
	if (!c->settled && now - c->opened_ns > H2_PREFACE_S * NS_PER_SEC)
		return "no HTTP/2 preface came";
	if (c->ping_ns && now - c->ping_ns > H2_PING_TIMEOUT_S * NS_PER_SEC)
		return "no answer to a keepalive ping";
	if (!c->ping_ns && now - c->heard_ns > H2_SILENCE_S * NS_PER_SEC) {
		c->ping_ns = now;
		if (nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL) != 0 || conn_write(c) < 0)
			return "it does not take a keepalive ping";
	}
	return NULL;
}

static void tick_event(struct loop_watch *w, uint32_t events)
{
	struct h2_server *s = w->data;
	int64_t now = clock_mono_ns();

	loop_timer_read(w);
	for (struct h2_conn *c = LIST_FIRST(&s->conns), *next; c; c = next) {
		next = LIST_NEXT(c, link);
		const char *why = conn_check(c, now);
		if (why) {
			log_info("grpc", "%s: %s, connection closed", c->peer, why);
			conn_close(c);
		}
	}
	if (s->listener.fd >= 0)
		loop_modify(s->loop, &s->listener, EPOLLIN);
	if (s->conn_count == 0)
		loop_timer_set(w, 0, 0);
}

/* The server */

static int session_setup(struct h2_server *s)
{
	if (nghttp2_session_callbacks_new(&s->callbacks) != 0 || nghttp2_option_new(&s->option) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(s->callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(s->callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(s->callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(s->callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(s->callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(s->callbacks, on_frame_sent);
	nghttp2_option_set_no_closed_streams(s->option, 1); /* kept only for the old priority tree */
	return 0;
}

struct h2_server *h2_server_new(struct loop *loop, const struct h2_owner *owner, void *data)
{
	struct h2_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct h2_server){.loop = loop, .owner = owner, .data = data};
	s->listener = (struct loop_watch){.fd = -1, .name = "grpc listener", .fn = listener_event, .data = s};
	s->tick = (struct loop_watch){.fd = -1, .name = "grpc keepalive", .fn = tick_event, .data = s};
	int r = session_setup(s);
	if (r == 0)
		r = loop_timer_open(loop, &s->tick);
	if (r < 0) {
		h2_server_free(s, 0);
		errno = -r;
		return NULL;
	}
	return s;
}

/* A listening socket for one address. Returns the descriptor or -errno. */
static int listen_on(const struct addrinfo *ai)
{
	int one = 1, zero = 0;
	_cleanup_close_ int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, LISTEN_QUEUE) < 0)
		return -errno;
	return take_fd(fd);
}

static void freeaddrinfop(struct addrinfo **ai)
{
	if (*ai)
		freeaddrinfo(*ai);
}

int h2_server_listen(struct h2_server *s, const char *address, uint16_t port, char *error, size_t size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	_cleanup_(freeaddrinfop) struct addrinfo *ai = NULL;
	char host[INET6_ADDRSTRLEN + 2], service[6];
	size_t len = strlen(address);
	bool bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';

	snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? len - 2 : len), address + bracketed);
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(*host ? host : "::", service, &hints, &ai) != 0) {
		snprintf(error, size, "gRPC cannot listen on \"%s\": not a numeric IPv4 or IPv6 address",
			 address);
		return -EINVAL;
	}
	int fd = listen_on(ai);
	if (fd < 0) {
		snprintf(error, size, "gRPC cannot listen on %s port %u: %s", *host ? host : "all addresses",
			 port, strerror(-fd));
		return fd;
	}
	s->listener.fd = fd;
	int r = loop_add(s->loop, &s->listener, EPOLLIN);
	if (r < 0)
		snprintf(error, size, "gRPC cannot watch its listening socket: %s", strerror(-r));
	return r;
}

uint16_t h2_server_port(const struct h2_server *s)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char port[6] = "0";

	if (getsockname(s->listener.fd, (struct sockaddr *)&addr, &len) == 0)
		getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	return (uint16_t)strtoul(port, NULL, 10);
}

/* One round over all connections with something left to send; closes those that are done. */
static void drain_round(struct h2_server *s, int timeout_ms)
{
	struct pollfd fds[H2_CONNECTIONS_MAX];
	nfds_t n = 0;

	for (struct h2_conn *c = LIST_FIRST(&s->conns), *next; c; c = next) {
		next = LIST_NEXT(c, link);
		/* Unread input would turn the close into a reset, which may overtake the last frames. */
		int r = conn_read(c);
		if (r < 0 || conn_write(c) < 0 || (LIST_EMPTY(&c->streams) && c->out.len == 0))
			conn_close(c);
		else
			fds[n++] = (struct pollfd){.fd = c->watch.fd,
						   .events = c->armed & EPOLLIN ? POLLIN : POLLOUT};
	}
	if (n > 0)
		poll(fds, n, timeout_ms);
}

void h2_server_free(struct h2_server *s, int drain_ms)
{
	if (!s)
		return;
	int64_t deadline = clock_mono_ns() + drain_ms * NS_PER_MS;

	if (s->listener.fd >= 0) {
		loop_remove(s->loop, &s->listener);
		close(s->listener.fd);
		s->listener.fd = -1;
	}
	struct h2_conn *c;
	LIST_FOREACH(c, &s->conns, link)
	{
		int32_t last = nghttp2_session_get_last_proc_stream_id(c->session);
		nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	}
	for (int64_t left = drain_ms; left > 0 && !LIST_EMPTY(&s->conns);
	     left = (deadline - clock_mono_ns()) / NS_PER_MS)
		drain_round(s, (int)left);
	while (!LIST_EMPTY(&s->conns))
		conn_close(LIST_FIRST(&s->conns));
	loop_timer_close(s->loop, &s->tick);
	nghttp2_session_callbacks_del(s->callbacks);
	nghttp2_option_del(s->option);
	free(s);
}

/* Streams answer */

static size_t to_nv(nghttp2_nv nv[static H2_RESPONSE_HEADERS], const struct h2_header *headers, size_t count)
{
	size_t n = 0;

	for (; n < count && n < H2_RESPONSE_HEADERS; n++)
		nv[n] = (nghttp2_nv){(uint8_t *)headers[n].name.p, (uint8_t *)headers[n].value.p,
				     headers[n].name.len, headers[n].value.len, NGHTTP2_NV_FLAG_NONE};
	return n;
}

/* Output appeared outside of the connection's own event: the next round of the loop writes it. */
static void conn_kick(struct h2_conn *c)
{
	if (!(c->armed & EPOLLOUT)) {
		c->armed |= EPOLLOUT;
		loop_modify(c->server->loop, &c->watch, c->armed);
	}
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

const char *h2_stream_peer(const struct h2_stream *stream)
{
	return stream->conn->peer;
}
