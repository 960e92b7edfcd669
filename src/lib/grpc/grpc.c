/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A call lives from the first header field of its stream until the transport
 * reports the stream closed, whatever ended it (a status, the deadline, the
 * client's RST_STREAM, a lost connection).
 *
 * Answers are queued per call as references to chunks; the transport pulls them
 * when the socket and the flow-control windows have room. Queues are bounded in
 * bytes, per call and in total (grpc_queue.c): messages that do not fit are
 * dropped whole, counted, and reported in the trailers. No thread waits for a
 * client.
 *
 * Unary and server-streaming methods are called when the client half-closes,
 * when "exactly one request" is certain; bidirectional methods are called for
 * each message. The size of a request and the sum of all requests are bounded; a
 * request in gzip is inflated when it is whole, to no more than that size.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "grpc/grpc_internal.h"
#include "grpc/gzip.h"
#include "stats/stats.h"

/* Log refusals at most once per interval. */
#define LOG_EVERY_NS (60 * NS_PER_SEC)

/* Deadlines: one timer, set to the earliest deadline */

static void deadline_arm(struct grpc *g, int64_t deadline_ns)
{
	if (g->deadline_ns && g->deadline_ns <= deadline_ns)
		return;
	int64_t left = deadline_ns - clock_mono_ns();
	g->deadline_ns = deadline_ns;
	loop_timer_set(&g->deadline, left > 0 ? left : 1, 0);
}

static void deadline_event(struct loop_watch *w, uint32_t events)
{
	struct grpc *g = w->data;
	int64_t now = clock_mono_ns();
	struct call *c;

	loop_timer_read(w);
	g->deadline_ns = 0;
	LIST_FOREACH(c, &g->calls, link)
	{
		if (!c->deadline_ns || c->finished)
			continue;
		if (c->deadline_ns <= now)
			grpc_finish(&c->pub, GRPC_DEADLINE_EXCEEDED, "the deadline of the call has passed");
		else
			deadline_arm(g, c->deadline_ns);
	}
}

/* The request: header fields */

static void field_method(struct call *c, struct str value)
{
	c->post = value.len == 4 && memcmp(value.p, "POST", 4) == 0;
}

static void field_path(struct call *c, struct str value)
{
	snprintf(c->path, sizeof(c->path), "%.*s", (int)value.len, value.p);
}

static void field_authorization(struct call *c, struct str value)
{
	snprintf(c->authorization, sizeof(c->authorization), "%.*s", (int)value.len, value.p);
}

static void field_content_type(struct call *c, struct str value)
{
	c->content_type_ok = grpc_content_type_ok(value);
}

static void field_timeout(struct call *c, struct str value)
{
	int64_t ns;

	if (grpc_timeout_parse(value, &ns) < 0)
		c->timeout_bad = true;
	else if (__builtin_add_overflow(clock_mono_ns(), ns, &c->deadline_ns))
		c->deadline_ns = INT64_MAX;
}

static bool equal(struct str value, const char *word)
{
	return value.len == strlen(word) && memcmp(value.p, word, value.len) == 0;
}

static void field_encoding(struct call *c, struct str value)
{
	c->gzip = equal(value, "gzip");
	c->unknown_encoding = !c->gzip && !equal(value, "identity");
}

static void field_accept_encoding(struct call *c, struct str value)
{
	c->takes_gzip = gzip_listed(value);
}

static const struct {
	const char *name;
	void (*take)(struct call *c, struct str value);
} request_fields[] = {
    {":method", field_method},
    {":path", field_path},
    {"authorization", field_authorization},
    {"content-type", field_content_type},
    {"grpc-timeout", field_timeout},
    {"grpc-encoding", field_encoding},
    {"grpc-accept-encoding", field_accept_encoding},
};

static void on_header(void *call, struct str name, struct str value)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_fields); i++) {
		if (strlen(request_fields[i].name) == name.len &&
		    memcmp(request_fields[i].name, name.p, name.len) == 0) {
			request_fields[i].take(call, value);
			return;
		}
	}
}

/* Find the service and method of "/service/method"; end the call if there is none. */
static bool dispatch(struct call *c)
{
	const char *slash = c->path[0] == '/' ? strchr(c->path + 1, '/') : NULL;
	size_t len = slash ? (size_t)(slash - c->path - 1) : 0;

	for (const struct grpc_service *s = c->grpc->services; slash && s->name; s++) {
		if (strlen(s->name) != len || memcmp(s->name, c->path + 1, len) != 0)
			continue;
		for (const struct grpc_method *m = s->methods; m->name; m++) {
			if (strcmp(m->name, slash + 1) == 0) {
				c->method = m;
				c->pub.service = s->data;
				return true;
			}
		}
		grpc_finish(&c->pub, GRPC_UNIMPLEMENTED, "service %s has no method %s", s->name, slash + 1);
		return false;
	}
	grpc_finish(&c->pub, GRPC_UNIMPLEMENTED, "no service for the path %s", c->path);
	return false;
}

/* Check access, here only; end the call if the peer lacks the access its method needs. */
static bool admit(struct call *c)
{
	enum access needs = c->method->needs ? c->method->needs : ACCESS_ADMIN;
	struct access_answer answer;
	uint64_t more;

	access_check(c->grpc->access, h2_stream_access(c->stream), c->authorization, needs, &answer);
	explicit_bzero(c->authorization, sizeof(c->authorization));
	c->pub.access = answer.access;
	if (answer.access >= needs)
		return true;
	stat_add(answer.unauthenticated ? STAT_GRPC_UNAUTHENTICATED : STAT_GRPC_DENIED, 1);
	if (log_limit_pass(&c->grpc->denied_log, LOG_EVERY_NS, &more))
		log_notice("grpc", "%s may not call %s: refused (%llu more refusals)",
			   h2_stream_peer(c->stream), c->path, (unsigned long long)more);
	grpc_finish(&c->pub, answer.unauthenticated ? GRPC_UNAUTHENTICATED : GRPC_PERMISSION_DENIED, "%s",
		    answer.text);
	return false;
}

static void on_request(void *call, bool oversized)
{
	struct call *c = call;

	if (!c->content_type_ok && !oversized)
		grpc_respond_plain(c, "415",
				   "xtcp2: this port speaks gRPC (content-type application/grpc)\n");
	else if (!c->post && !oversized)
		grpc_respond_plain(c, "405", "xtcp2: gRPC calls are POST requests\n");
	else if (oversized)
		grpc_finish(&c->pub, GRPC_RESOURCE_EXHAUSTED, "header fields beyond %d bytes",
			    H2_HEADERS_MAX);
	else if (c->timeout_bad)
		grpc_finish(&c->pub, GRPC_INVALID_ARGUMENT, "malformed grpc-timeout");
	else if (c->unknown_encoding)
		grpc_finish(&c->pub, GRPC_UNIMPLEMENTED,
			    "message encodings other than identity and gzip are not supported");
	else if (dispatch(c) && admit(c) && c->deadline_ns)
		deadline_arm(c->grpc, c->deadline_ns);
}

/* The request: messages */

static void in_drop(struct call *c)
{
	c->grpc->in_bytes -= c->in.len;
	buf_free(&c->in);
}

/* Put the data of the message in c->in, without its prefix, into *plain. Return false if that ended the call. */
static bool in_inflate(struct call *c, struct buf *plain)
{
	int r = gzip_inflate(plain, c->in.data + GRPC_PREFIX, c->in.len - GRPC_PREFIX, GRPC_REQUEST_MAX);

	if (r == -EMSGSIZE)
		grpc_finish(&c->pub, GRPC_RESOURCE_EXHAUSTED,
			    "request of %zu bytes of gzip holds more than the limit of %d", c->in.len,
			    GRPC_REQUEST_MAX);
	else if (r == -ENOMEM)
		grpc_finish(&c->pub, GRPC_RESOURCE_EXHAUSTED, "no memory for the request");
	else if (r < 0)
		grpc_finish(&c->pub, GRPC_INTERNAL, "the request is not valid gzip");
	return r == 0;
}

/* Unpack the message in c->in and pass it to the method. */
static void deliver(struct call *c)
{
	_cleanup_buf_ struct buf plain = {0};
	const uint8_t *data = c->in.data + GRPC_PREFIX;
	size_t len = c->in.len - GRPC_PREFIX;

	if (c->in.data[0]) {
		if (!in_inflate(c, &plain)) {
			in_drop(c);
			return;
		}
		data = plain.data;
		len = plain.len;
	}
	ProtobufCMessage *message = protobuf_c_message_unpack(c->method->request, NULL, len, data);

	in_drop(c);
	if (!message) {
		grpc_finish(&c->pub, GRPC_INTERNAL, "the request is not a valid %s",
			    c->method->request->name);
		return;
	}
	c->method->message(&c->pub, message);
	protobuf_c_message_free_unpacked(message, NULL);
}

/* Return whether the prefix announces an acceptable message; end the call if not. */
static bool prefix_ok(struct call *c)
{
	uint32_t len = grpc_prefix_len(c->in.data);

	if (c->in.data[0] > 1 || (c->in.data[0] && !c->gzip))
		grpc_finish(&c->pub, GRPC_INTERNAL, "compressed message without a grpc-encoding field");
	else if (len > GRPC_REQUEST_MAX)
		grpc_finish(&c->pub, GRPC_RESOURCE_EXHAUSTED,
			    "request of %u bytes is larger than the limit of %d", len, GRPC_REQUEST_MAX);
	else if (c->requests > 0 && c->method->kind != GRPC_BIDI)
		grpc_finish(&c->pub, GRPC_INTERNAL, "more than one request message");
	else
		return true;
	return false;
}

/* Append data to c->in until it holds `want` bytes; return the number of bytes consumed. */
static size_t in_take(struct call *c, size_t want, const uint8_t *data, size_t len)
{
	size_t n = want - c->in.len < len ? want - c->in.len : len;

	size_t most = GRPC_REQUEST_ALL_MAX + (c->pub.access == ACCESS_ADMIN ? GRPC_REQUEST_MORE : 0);
	if (c->grpc->in_bytes + n > most) {
		stat_add(STAT_GRPC_REFUSED_REQUESTS, 1);
		grpc_finish(&c->pub, GRPC_RESOURCE_EXHAUSTED, "too many requests are being received");
		return 0;
	}
	buf_append(&c->in, data, n);
	if (!buf_ok(&c->in)) {
		grpc_finish(&c->pub, GRPC_RESOURCE_EXHAUSTED, "no memory for the request");
		return 0;
	}
	c->grpc->in_bytes += n;
	return n;
}

static void on_body(void *call, const uint8_t *data, size_t len)
{
	struct call *c = call;

	while (len > 0 && !c->finished) {
		bool single = c->method->kind != GRPC_BIDI;
		if (single && c->requests > 0) {
			grpc_finish(&c->pub, GRPC_INTERNAL, "more than one request message");
			return;
		}
		size_t want = GRPC_PREFIX;
		if (c->in.len >= GRPC_PREFIX)
			want += grpc_prefix_len(c->in.data);
		size_t n = in_take(c, want, data, len);
		data += n;
		len -= n;
		if (c->finished || c->in.len < GRPC_PREFIX)
			return;
		if (want == GRPC_PREFIX && !prefix_ok(c))
			return;
		if (c->in.len < GRPC_PREFIX + grpc_prefix_len(c->in.data))
			continue;
		c->requests++;
		if (!single)
			deliver(c);
	}
}

static void on_end(void *call)
{
	struct call *c = call;

	if (c->half_closed || c->finished)
		return;
	c->half_closed = true;
	if (c->method->kind == GRPC_BIDI) {
		if (c->in.len > 0)
			grpc_finish(&c->pub, GRPC_INTERNAL, "the last request is cut short");
		else if (c->method->half_close)
			c->method->half_close(&c->pub);
		else
			grpc_finish(&c->pub, GRPC_OK, NULL);
	} else if (c->requests == 1) {
		deliver(c);
	} else {
		grpc_finish(&c->pub, GRPC_INTERNAL,
			    c->in.len ? "the request is cut short" : "no request message");
	}
}

/* The stream */

static void *on_open(void *data, struct h2_stream *stream)
{
	struct grpc *g = data;
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->grpc = g;
	c->stream = stream;
	LIST_INSERT_HEAD(&g->calls, c, link);
	stat_set(STAT_GRPC_STREAMS, ++g->call_count);
	return c;
}

static void on_closed(void *call)
{
	struct call *c = call;

	if (!c->finished)
		stat_add(STAT_GRPC_CALLS_GONE, 1);
	c->finished = true;
	if (c->method && c->method->closed)
		c->method->closed(&c->pub);
	grpc_queue_free(c);
	in_drop(c);
	buf_free(&c->text);
	LIST_REMOVE(c, link);
	stat_set(STAT_GRPC_STREAMS, --c->grpc->call_count);
	free(c);
}

static const struct h2_owner stream_owner = {
    .open = on_open,
    .header = on_header,
    .request = on_request,
    .body = on_body,
    .end = on_end,
    .produce = grpc_produce,
    .closed = on_closed,
};

struct grpc *grpc_new(struct loop *loop, const struct grpc_service *services,
		      const struct access_policy *access, size_t stream_bytes, size_t total_bytes)
{
	struct grpc *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	*g = (struct grpc){.loop = loop,
			   .services = services,
			   .access = access,
			   .stream_bytes = stream_bytes,
			   .records.bytes_max = total_bytes,
			   .answers.bytes_max = GRPC_ANSWERS_ALL_MAX};
	TAILQ_INIT(&g->records.chunks);
	TAILQ_INIT(&g->answers.chunks);
	g->deadline =
	    (struct loop_watch){.fd = -1, .name = "grpc deadlines", .fn = deadline_event, .data = g};
	int r = loop_timer_open(loop, &g->deadline);
	if (r == 0) {
		g->h2 = h2_server_new(loop, &stream_owner, g, access);
		r = g->h2 ? 0 : -errno;
	}
	if (r < 0) {
		grpc_free(g, 0);
		errno = -r;
		return NULL;
	}
	return g;
}

struct h2_server *grpc_transport(struct grpc *g)
{
	return g->h2;
}

void grpc_free(struct grpc *g, int drain_ms)
{
	struct call *c;

	if (!g)
		return;
	LIST_FOREACH(c, &g->calls, link)
	grpc_finish(&c->pub, GRPC_UNAVAILABLE, "the server is shutting down");
	h2_server_free(g->h2, drain_ms);
	loop_timer_close(g->loop, &g->deadline);
	free(g);
}
