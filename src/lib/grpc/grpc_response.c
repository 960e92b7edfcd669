/* SPDX-License-Identifier: MIT */
/* What goes back on a call: chunks in its queue, header and trailer lists, the status. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "grpc/grpc_internal.h"
#include "stats/stats.h"

/* The response's queue */

/* Takes the caller's reference, also when it fails. 0 or -ENOMEM. */
static int queue_push(struct call *c, struct grpc_chunk *chunk)
{
	if (c->head > 0 && c->head == c->count)
		c->head = c->count = 0;
	if (c->count == c->cap && c->head > c->cap / 2) {
		c->count -= c->head;
		memmove(c->queue, c->queue + c->head, c->count * sizeof(*c->queue));
		c->head = 0;
	}
	if (c->count == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 4;
		void *grown = reallocarray(c->queue, cap, sizeof(*c->queue));
		if (!grown) {
			grpc_chunk_unref(chunk);
			return -ENOMEM;
		}
		c->queue = grown;
		c->cap = cap;
	}
	c->queue[c->count++] = chunk;
	c->queued += chunk->len;
	return 0;
}

static size_t queue_pull(struct call *c, uint8_t *buf, size_t size)
{
	size_t n = 0;

	while (n < size && c->head < c->count) {
		struct grpc_chunk *chunk = c->queue[c->head];
		size_t part = chunk->len - c->head_sent < size - n ? chunk->len - c->head_sent : size - n;
		memcpy(buf + n, chunk->data + c->head_sent, part);
		n += part;
		c->head_sent += part;
		if (c->head_sent == chunk->len) {
			grpc_chunk_unref(chunk);
			c->head++;
			c->head_sent = 0;
		}
	}
	c->queued -= n;
	stat_add(STAT_GRPC_SENT_BYTES, n);
	return n;
}

/* Header and trailer lists */

/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define FIELD(name_, value_) {{name_, sizeof(name_) - 1}, {value_, sizeof(value_) - 1}}
/* clang-format on */

static const struct h2_header initial_fields[] = {
    FIELD(":status", "200"),
    FIELD("content-type", "application/grpc"),
    FIELD("grpc-accept-encoding", "identity"),
};

/* Texts that a trailer list points at. */
struct trailer_text {
	char code[4], missed[24];
};

/* Appends grpc-status, grpc-message and the missed count to fields[n...]; returns the new count. */
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
	h2_stream_respond(c->stream, initial_fields, ARRAY_SIZE(initial_fields), true);
}

/* A whole answer in one header list ("Trailers-Only"). */
static void respond_status(struct call *c)
{
	struct h2_header fields[H2_RESPONSE_HEADERS];
	struct trailer_text text;

	memcpy(fields, initial_fields, sizeof(initial_fields));
	size_t n = put_trailers(c, fields, ARRAY_SIZE(initial_fields), &text);
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
	bool body = chunk && queue_push(c, chunk) == 0;
	c->started = c->finished = c->plain = true;
	c->code = GRPC_UNKNOWN;
	count_end(c);
	h2_stream_respond(c->stream, fields, ARRAY_SIZE(fields), body);
}

int grpc_send(struct grpc_call *call, const ProtobufCMessage *message)
{
	struct call *c = call_of(call);

	if (c->finished)
		return -EPIPE;
	size_t len = protobuf_c_message_get_packed_size(message);
	if (c->queued > 0 && c->queued + len > c->grpc->stream_bytes) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED,
			    "%zu bytes of answers wait for the client to read them", c->queued);
		return -ENOBUFS;
	}
	struct grpc_chunk *chunk = grpc_chunk_new(NULL, GRPC_PREFIX + len, 1);
	if (!chunk)
		return -ENOMEM;
	grpc_prefix_put(chunk->data, (uint32_t)len);
	protobuf_c_message_pack(message, chunk->data + GRPC_PREFIX);
	int r = queue_push(c, chunk);
	grpc_start(call);
	h2_stream_wake(c->stream);
	return r;
}

int grpc_send_chunk(struct grpc_call *call, struct grpc_chunk *chunk)
{
	struct call *c = call_of(call);

	if (c->finished)
		return -EPIPE;
	if (c->queued + chunk->len > c->grpc->stream_bytes) {
		c->pub.missed += chunk->messages;
		return -ENOBUFS;
	}
	bool idle = c->head == c->count;
	chunk->refs++;
	int r = queue_push(c, chunk);
	grpc_start(call);
	if (idle)
		h2_stream_wake(c->stream);
	return r;
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
	size_t n = queue_pull(c, buf, size);

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

void grpc_queue_free(struct call *c)
{
	while (c->head < c->count)
		grpc_chunk_unref(c->queue[c->head++]);
	free(c->queue);
}
