/* SPDX-License-Identifier: MIT */
#include "grpc/grpc_client.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Header fields of a request: always, and with a deadline and a token. */
#define REQUEST_FIELDS_ALWAYS 7
#define REQUEST_FIELDS_MAX    9
#define READ_BYTES	      65536
#define STREAM_WINDOW	      (4 << 20)	 /* flow-control window of one call, in bytes ... */
#define SESSION_WINDOW	      (16 << 20) /* ... and of the connection */

struct grpc_client {
	struct loop *loop;
	struct loop_watch watch;
	nghttp2_session *session;
	struct grpc_client_call *calls;
	struct buf out;
	size_t sent;
	uint32_t armed;
	bool heard;   /* the peer has sent something */
	bool settled; /* the peer has sent SETTINGS: it speaks HTTP/2 */
	bool deaf;    /* the peer takes no more; what it has sent is still to be read */
	bool gone;
	void (*idle)(void *data);
	void *idle_data;
	struct grpc_connection connection;
};

/* Calls end */

static void call_unlink(struct grpc_client_call *call)
{
	for (struct grpc_client_call **p = &call->client->calls; *p; p = &(*p)->next) {
		if (*p == call) {
			*p = call->next;
			return;
		}
	}
}

/* End the call with the status of the server, or with this one if there is none. */
static void call_done(struct grpc_client_call *call, enum grpc_code code, const char *text)
{
	call_unlink(call);
	buf_free(&call->in);
	buf_free(&call->out);
	if (!call->status_seen) {
		call->code = code;
		snprintf(call->text, sizeof(call->text), "%s", text);
	}
	if (call->done)
		call->done(call);
}

#define LOSS_TEXT 512

/* Why there is no connection any more. */
static void describe_loss(const struct grpc_client *c, const char *reason, char text[static LOSS_TEXT])
{
	if (c->settled)
		snprintf(text, LOSS_TEXT, "the connection to %s was lost: %s", c->connection.name, reason);
	else if (c->connection.tls && *tls_reason(c->connection.tls))
		snprintf(text, LOSS_TEXT, "no TLS with %s: %s", c->connection.name,
			 tls_reason(c->connection.tls));
	else if (!c->heard && !c->connection.tls)
		snprintf(
		    text, LOSS_TEXT,
		    "%s closed the connection without an answer: a daemon that restarts or ends does so, or one with -grpcTls",
		    c->connection.name);
	else
		snprintf(text, LOSS_TEXT, "what listens on %s does not speak gRPC (HTTP/2 with%s TLS)%s",
			 c->connection.name, c->connection.tls ? "" : "out",
			 c->connection.advice ? c->connection.advice : "");
}

/* Give up the connection: end every call with the reason. */
static void lose(struct grpc_client *c, const char *reason)
{
	char text[LOSS_TEXT];

	c->gone = true;
	loop_remove(c->loop, &c->watch);
	describe_loss(c, reason, text);
	while (c->calls)
		call_done(c->calls, GRPC_UNAVAILABLE, text);
}

/* The socket */

static int client_arm(struct grpc_client *c)
{
	bool output = !c->deaf && (c->out.len || nghttp2_session_want_write(c->session));
	uint32_t events = EPOLLIN | (output ? EPOLLOUT : 0);

	if (events == c->armed)
		return 0;
	c->armed = events;
	return loop_modify(c->loop, &c->watch, events);
}

/*
 * A peer that has closed may have sent its last messages and their status before: the end of what can be read
 * ends the connection. After an error TLS reads nothing more.
 */
static int stop_writing(struct grpc_client *c, int error)
{
	if (c->connection.tls || (error != EPIPE && error != ECONNRESET))
		return -error;
	c->deaf = true;
	return client_arm(c);
}

static int client_write(struct grpc_client *c)
{
	while (!c->deaf) {
		const uint8_t *frame;
		ssize_t n;
		while (c->out.len < READ_BYTES && (n = nghttp2_session_mem_send(c->session, &frame)) > 0)
			buf_append(&c->out, frame, (size_t)n);
		if (c->out.len == 0)
			return client_arm(c);
		n = grpc_transmit(&c->connection, c->out.data + c->sent, c->out.len - c->sent);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? client_arm(c) : stop_writing(c, errno);
		c->sent += (size_t)n;
		if (c->sent == c->out.len) {
			buf_reset(&c->out);
			c->sent = 0;
		}
	}
	return 0;
}

static int client_read(struct grpc_client *c)
{
	uint8_t data[READ_BYTES];
	ssize_t n = grpc_recv(&c->connection, data, sizeof(data));

	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->heard = true;
	n = nghttp2_session_mem_recv(c->session, data, (size_t)n);
	return n < 0 ? -EPROTO : 0;
}

static void client_event(struct loop_watch *w, uint32_t events)
{
	struct grpc_client *c = w->data;
	int r = 0;

	if (events & EPOLLIN)
		r = client_read(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -ECONNRESET;
	if (r == 0)
		r = client_write(c);
	if (r == 0 && !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
		r = -EPROTO;
	if (c->idle)
		c->idle(c->idle_data);
	if (r < 0)
		lose(c, strerror(-r));
}

/* Responses */

static struct grpc_client_call *call_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static bool name_is(const uint8_t *name, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(name, expected, len) == 0;
}

static void take_status(struct grpc_client_call *call, const char *value)
{
	unsigned long code = strtoul(value, NULL, 10);

	call->code = code < GRPC_CODE_MAX_ ? (enum grpc_code)code : GRPC_UNKNOWN;
	call->status_seen = true;
}

static void take_http_status(struct grpc_client_call *call, const char *value)
{
	if (strcmp(value, "200") == 0)
		return;
	call->code = GRPC_UNKNOWN;
	call->status_seen = true;
	snprintf(call->text, sizeof(call->text), "the server answered with HTTP status %s", value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
	struct grpc_client_call *call = call_of(session, frame->hd.stream_id);
	const char *text = (const char *)value; /* nghttp2 ends values with NUL */

	if (!call)
		return 0;
	if (name_is(name, name_len, ":status"))
		take_http_status(call, text);
	else if (name_is(name, name_len, "grpc-status"))
		take_status(call, text);
	else if (name_is(name, name_len, "grpc-message")) {
		struct buf decoded = {0};
		grpc_percent_decode(&decoded, (struct str){text, (uint32_t)value_len});
		snprintf(call->text, sizeof(call->text), "%s", buf_cstr(&decoded));
		buf_free(&decoded);
	} else if (call->trailer && name_is(name, name_len, call->trailer))
		snprintf(call->trailer_value, sizeof(call->trailer_value), "%s", text);
	return 0;
}

/* Pass the complete messages at the head of the bytes to the call. Return the bytes consumed, or -1. */
static ssize_t take_messages(struct grpc_client_call *call, const uint8_t *p, size_t len)
{
	size_t done = 0;

	while (len - done >= GRPC_PREFIX) {
		uint32_t size = grpc_prefix_len(p + done);
		if (p[done] != 0 || size > GRPC_RESPONSE_MAX)
			return -1;
		if (len - done - GRPC_PREFIX < size)
			break;
		if (call->message)
			call->message(call, (struct str){(const char *)p + done + GRPC_PREFIX, size});
		done += GRPC_PREFIX + size;
	}
	return (ssize_t)done;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
		   void *data)
{
	struct grpc_client_call *call = call_of(session, id);
	ssize_t n;

	if (!call || call->status_seen)
		return 0;
	if (call->in.len == 0) {
		n = take_messages(call, bytes, len);
		if (n >= 0)
			buf_append(&call->in, bytes + n, len - (size_t)n);
	} else {
		buf_append(&call->in, bytes, len);
		n = take_messages(call, call->in.data, call->in.len);
		if (n > 0)
			buf_consume(&call->in, (size_t)n);
	}
	if (n < 0 || !buf_ok(&call->in)) {
		call->code = GRPC_INTERNAL;
		call->status_seen = true;
		snprintf(call->text, sizeof(call->text),
			 "the server sent a message that is compressed or too large");
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	}
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct grpc_client *c = data;

	if (frame->hd.type == NGHTTP2_SETTINGS)
		c->settled = true;
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *data)
{
	const struct grpc_client *c = data;
	struct grpc_client_call *call = call_of(session, id);
	char text[LOSS_TEXT] = "the server ended the call without a status";

	if (!call)
		return 0;
	/* A peer whose first bytes are no HTTP/2 ends the session, and with it what was not sent yet. */
	if (!c->settled)
		describe_loss(c, "", text);
	call_done(call, GRPC_UNAVAILABLE, text);
	return 0;
}

/* Requests */

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
			    nghttp2_data_source *source, void *data)
{
	struct grpc_client_call *call = call_of(session, id);

	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* cancelled */
	size_t n = call->out.len < size ? call->out.len : size;

	if (n > 0)
		memcpy(buf, call->out.data, n); /* a buffer that is empty may have no bytes to point to */
	buf_consume(&call->out, n);
	if (call->out.len == 0 && call->closing)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (n == 0)
		return NGHTTP2_ERR_DEFERRED;
	return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), NGHTTP2_NV_FLAG_NONE};
}

int grpc_client_start(struct grpc_client *c, struct grpc_client_call *call)
{
	char timeout[GRPC_TIMEOUT_TEXT] = "";
	nghttp2_data_provider provider = {.read_callback = read_request};
	nghttp2_nv fields[REQUEST_FIELDS_MAX] = {
	    field(":method", "POST"),	  field(":scheme", c->connection.tls ? "https" : "http"),
	    field(":path", call->path),	  field(":authority", c->connection.authority),
	    field("te", "trailers"),	  field("content-type", "application/grpc"),
	    field("user-agent", "xtcp2"),
	};
	size_t count = REQUEST_FIELDS_ALWAYS;

	if (c->gone)
		return -ENOTCONN;
	if (call->timeout_ns) {
		grpc_timeout_format(call->timeout_ns, timeout);
		fields[count++] = field("grpc-timeout", timeout);
	}
	if (*c->connection.authorization) {
		fields[count] = field("authorization", c->connection.authorization);
		fields[count++].flags |= NGHTTP2_NV_FLAG_NO_INDEX; /* a secret: proxies must not index it */
	}
	int32_t id = nghttp2_submit_request(c->session, NULL, fields, count, &provider, call);
	if (id < 0)
		return -ENOMEM;
	call->id = id;
	call->client = c;
	call->next = c->calls;
	c->calls = call;
	return client_arm(c);
}

int grpc_client_send(struct grpc_client_call *call, const ProtobufCMessage *message, bool last)
{
	if (call->client->gone)
		return -ENOTCONN;
	if (message) {
		size_t len = protobuf_c_message_get_packed_size(message);
		if (!buf_reserve(&call->out, GRPC_PREFIX + len))
			return -ENOMEM;
		uint8_t *p = call->out.data + call->out.len;
		grpc_prefix_put(p, (uint32_t)len);
		protobuf_c_message_pack(message, p + GRPC_PREFIX);
		call->out.len += GRPC_PREFIX + len;
	}
	call->closing = last;
	nghttp2_session_resume_data(call->client->session, call->id);
	return client_arm(call->client);
}

void grpc_client_cancel(struct grpc_client_call *call, enum grpc_code code, const char *text)
{
	struct grpc_client *c = call->client;

	/* The session forgets the call before its owner does. */
	nghttp2_session_set_stream_user_data(c->session, call->id, NULL);
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_CANCEL);
	call->status_seen = false;
	call_done(call, code, text);
	if (!c->gone)
		client_arm(c);
}

/* The connection */

static int session_start(struct grpc_client *c)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
	};
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	int r = nghttp2_session_client_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	if (r != 0 ||
	    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) != 0 ||
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, SESSION_WINDOW) != 0)
		return -ENOMEM;
	return 0;
}

struct grpc_client *grpc_client_new(struct loop *loop, struct grpc_connection *connection)
{
	struct grpc_client *c = calloc(1, sizeof(*c));

	if (!c) {
		grpc_disconnect(connection);
		errno = ENOMEM;
		return NULL;
	}
	*c = (struct grpc_client){.loop = loop, .armed = EPOLLIN | EPOLLOUT, .connection = *connection};
	*connection = GRPC_DISCONNECTED;
	c->watch =
	    (struct loop_watch){.fd = c->connection.fd, .name = "grpc client", .fn = client_event, .data = c};
	int r = session_start(c);
	if (r == 0)
		r = loop_add(loop, &c->watch, c->armed);
	if (r < 0) {
		grpc_client_free(c);
		errno = -r;
		return NULL;
	}
	return c;
}

void grpc_client_on_idle(struct grpc_client *c, void (*idle)(void *data), void *data)
{
	c->idle = idle;
	c->idle_data = data;
}

void grpc_client_free(struct grpc_client *c)
{
	if (!c)
		return;
	loop_remove(c->loop, &c->watch);
	c->gone = true;
	while (c->calls)
		call_done(c->calls, GRPC_CANCELLED, "ended by this side");
	nghttp2_session_del(c->session);
	buf_free(&c->out);
	grpc_disconnect(&c->connection);
	free(c);
}

bool grpc_client_lost(const struct grpc_client *c)
{
	return c->gone;
}

int grpc_client_fd(const struct grpc_client *c)
{
	return c->connection.fd;
}

const char *grpc_client_peer(const struct grpc_client *c)
{
	return c->connection.name;
}
