/* SPDX-License-Identifier: MIT */
/* Responses: messages, header and trailer lists, the status. grpc_queue.c queues them. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "grpc/grpc_internal.h"
#include "grpc/gzip.h"
#include "stats/stats.h"

/* Header and trailer lists */

/* Releases of clang-format differ over braces in a macro, and its uses. */
/* clang-format off */
#define FIELD(name_, value_) {{name_, sizeof(name_) - 1}, {value_, sizeof(value_) - 1}}

static const struct h2_header initial_fields[] = {
    FIELD(":status", "200"),
    FIELD("content-type", "application/grpc"),
    FIELD("grpc-accept-encoding", "identity,gzip"),
    FIELD("grpc-encoding", "gzip"), /* last: for clients that take it */
};
/* clang-format on */

static size_t initial_count(const struct call *c)
{
	return ARRAY_SIZE(initial_fields) - !c->takes_gzip;
}

/* Strings that a trailer list points to. */
struct trailer_text {
	char code[4], missed[24];
};

/* Append grpc-status, grpc-message and the missed count to fields[n...]; return the new count. */
static size_t put_trailers(struct call *c, struct h2_header *fields, size_t n, struct trailer_text *text)
{
	snprintf(text->code, sizeof(text->code), "%d", c->code);
	fields[n++] = (struct h2_header){str_of("grpc-status"), str_of(text->code)};
	if (c->text.len > 0)
		fields[n++] = (struct h2_header){str_of("grpc-message"), str_of(buf_cstr(&c->text))};
	if (c->method && c->method->missed_trailer) {
		snprintf(text->missed, sizeof(text->missed), "%" PRIu64, c->pub.missed);
		fields[n++] = (struct h2_header){str_of(c->method->missed_trailer), str_of(text->missed)};
	}
	return n;
}

void grpc_start(struct grpc_call *call)
{
	struct call *c = call_of(call);

	if (c->started)
		return;
	c->started = true;
	h2_stream_respond(c->stream, initial_fields, initial_count(c), true);
}

/* Send a whole response in one header list ("Trailers-Only"). */
static void respond_status(struct call *c)
{
	struct h2_header fields[H2_RESPONSE_HEADERS];
	struct trailer_text text;

	memcpy(fields, initial_fields, sizeof(initial_fields));
	size_t n = put_trailers(c, fields, initial_count(c), &text);
	c->started = true;
	h2_stream_respond(c->stream, fields, n, false);
}

static void count_end(const struct call *c)
{
	stat_add(c->code == GRPC_OK ? STAT_GRPC_CALLS_OK : STAT_GRPC_CALLS_ERROR, 1);
}

void grpc_finish(struct grpc_call *call, enum grpc_code code, const char *format, ...)
{
	struct call *c = call_of(call);

	if (c->finished)
		return;
	c->finished = true;
	c->code = code;
	if (format) {
		_cleanup_free_ char *text = NULL;
		va_list ap;
		va_start(ap, format);
		if (vasprintf(&text, format, ap) >= 0)
			grpc_percent_encode(&c->text, text);
		else
			text = NULL;
		va_end(ap);
	}
	count_end(c);
	if (!c->started && c->head == c->count)
		respond_status(c);
	else
		h2_stream_wake(c->stream);
}

void grpc_respond_plain(struct call *c, const char *status, const char *line)
{
	size_t len = strlen(line);
	struct grpc_chunk *chunk = grpc_chunk_new(NULL, len, 0);
	struct h2_header fields[] = {{str_of(":status"), str_of(status)},
				     FIELD("content-type", "text/plain")};

	if (chunk)
		memcpy(chunk->data, line, len);
	bool body = chunk && grpc_queue_push(c, chunk) == 0;
	c->started = c->finished = c->plain = true;
	c->code = GRPC_UNKNOWN;
	count_end(c);
	h2_stream_respond(c->stream, fields, ARRAY_SIZE(fields), body);
}

void grpc_missed(struct call *c, uint64_t messages)
{
	c->pub.missed += messages;
	stat_add(STAT_GRPC_MISSED, messages);
}

/*
 * Replace the message in the chunk by its gzip if that is smaller. Records, of some
 * 400 bytes each, are not compressed: they come in chunks that all calls share.
 */
static void compress(struct grpc_chunk *chunk)
{
	size_t len = chunk->len - GRPC_PREFIX;
	_cleanup_free_ uint8_t *gzip = malloc(len);
	size_t n = gzip ? gzip_deflate(gzip, len, chunk->data + GRPC_PREFIX, len) : 0;

	if (n == 0 || n >= len)
		return;
	memcpy(chunk->data + GRPC_PREFIX, gzip, n);
	grpc_prefix_put(chunk->data, (uint32_t)n);
	chunk->data[0] = 1;
	chunk->len = GRPC_PREFIX + n;
}

int grpc_send(struct grpc_call *call, const ProtobufCMessage *message)
{
	struct call *c = call_of(call);

	if (c->finished)
		return -EPIPE;
	size_t len = protobuf_c_message_get_packed_size(message);
	if (c->queued > 0 && c->queued + len > GRPC_ANSWERS_MAX) {
		stat_add(STAT_GRPC_REFUSED_ANSWERS, 1);
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "the client has not read %zu bytes of answers",
			    c->queued);
		return -ENOBUFS;
	}
	struct grpc_chunk *chunk = grpc_chunk_new(NULL, GRPC_PREFIX + len, 1);
	if (!chunk)
		return -ENOMEM;
	grpc_prefix_put(chunk->data, (uint32_t)len);
	protobuf_c_message_pack(message, chunk->data + GRPC_PREFIX);
	if (c->takes_gzip)
		compress(chunk);
	int r = grpc_queue_push(c, chunk);
	if (r < 0) {
		stat_add(STAT_GRPC_REFUSED_ANSWERS, 1);
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no room for an answer of %zu bytes", len);
		return r;
	}
	grpc_start(call);
	h2_stream_wake(c->stream);
	return 0;
}

int grpc_send_chunk(struct grpc_call *call, struct grpc_chunk *chunk)
{
	struct call *c = call_of(call);

	if (c->finished)
		return -EPIPE;
	bool idle = c->head == c->count;
	int r = -ENOBUFS;
	if (c->queued + chunk->len <= c->grpc->stream_bytes) {
		chunk->refs++;
		r = grpc_queue_push(c, chunk);
	}
	if (r < 0)
		grpc_missed(c, chunk->messages);
	grpc_start(call);
	if (idle)
		h2_stream_wake(c->stream);
	return r;
}

bool grpc_costly(struct grpc_call *call, const char *what)
{
	if (h2_stream_costly(call_of(call)->stream))
		return true;
	stat_add(STAT_GRPC_REFUSED_COSTLY, 1);
	grpc_finish(call, GRPC_RESOURCE_EXHAUSTED,
		    "more than %d %s per second requested (%d at once): try again later", H2_COSTLY_PER_S,
		    what, H2_COSTLY_BURST);
	return false;
}

void grpc_reply(struct grpc_call *call, const ProtobufCMessage *message)
{
	if (grpc_send(call, message) == -ENOMEM)
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the response");
	else
		grpc_finish(call, GRPC_OK, NULL);
}

size_t grpc_produce(void *call, uint8_t *buf, size_t size, bool *eof)
{
	struct call *c = call;
	size_t n = grpc_queue_pull(c, buf, size);

	if (c->head < c->count || !c->finished)
		return n;
	*eof = true;
	if (!c->plain) {
		struct h2_header fields[H2_RESPONSE_HEADERS];
		struct trailer_text text;
		h2_stream_trailers(c->stream, fields, put_trailers(c, fields, 0, &text));
	}
	return n;
}
