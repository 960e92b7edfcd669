/* SPDX-License-Identifier: MIT */
#include "clickhouse/protobuf_list.h"

#include <errno.h>

/* Wire type 2 of protobuf: a length, and that number of bytes. */
#define WIRE_LENGTH_DELIMITED 2

/* Add a byte to the varint. 1 for its last byte, 0 if more follow, -EBADMSG beyond 64 bits. */
static int take_varint(struct protobuf_list *p, uint8_t byte)
{
	if (p->shift > 63 || (p->shift == 63 && byte > 1))
		return -EBADMSG;
	p->number |= (uint64_t)(byte & 0x7f) << p->shift;
	p->shift += 7;
	return !(byte & 0x80);
}

static void append_varint(struct buf *out, uint64_t n)
{
	for (; n > 0x7f; n >>= 7)
		buf_byte(out, (uint8_t)(n | 0x80));
	buf_byte(out, (uint8_t)n);
}

/* A field is complete: expect the next field or the next envelope. */
static enum protobuf_list_state next_field(const struct protobuf_list *p)
{
	return p->envelope ? PROTOBUF_LIST_TAG : PROTOBUF_LIST_LENGTH;
}

/* A number is complete: set the next state. */
static enum protobuf_list_state take_number(struct protobuf_list *p, struct buf *out)
{
	uint64_t n = p->number;

	p->number = p->shift = 0;
	switch (p->state) {
	case PROTOBUF_LIST_LENGTH:
		p->envelope = n;
		return n > PROTOBUF_LIST_ENVELOPE_MAX ? PROTOBUF_LIST_BROKEN : next_field(p);
	case PROTOBUF_LIST_TAG:
		/* An envelope holds only rows. */
		return (n & 7) == WIRE_LENGTH_DELIMITED && n >> 3 ? PROTOBUF_LIST_ROW : PROTOBUF_LIST_BROKEN;
	default:
		p->row = n;
		if (n > p->envelope)
			return PROTOBUF_LIST_BROKEN;
		append_varint(out, n);
		return n ? PROTOBUF_LIST_BYTES : next_field(p);
	}
}

static size_t take_bytes(struct protobuf_list *p, const uint8_t *data, size_t len, struct buf *out)
{
	size_t n = p->row < len ? (size_t)p->row : len;

	buf_append(out, data, n);
	p->row -= n;
	p->envelope -= n;
	if (!p->row)
		p->state = next_field(p);
	return n;
}

int protobuf_list_push(struct protobuf_list *p, const void *data, size_t len, struct buf *out)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len && p->state != PROTOBUF_LIST_BROKEN;) {
		if (p->state == PROTOBUF_LIST_BYTES) {
			i += take_bytes(p, b + i, len - i, out);
			continue;
		}
		bool inside = p->state != PROTOBUF_LIST_LENGTH;
		int r = inside && !p->envelope ? -EBADMSG : take_varint(p, b[i++]);
		p->envelope -= inside && r >= 0;
		if (r > 0)
			p->state = take_number(p, out);
		else if (r < 0)
			p->state = PROTOBUF_LIST_BROKEN;
	}
	return p->state == PROTOBUF_LIST_BROKEN ? -EBADMSG : 0;
}

bool protobuf_list_complete(const struct protobuf_list *p)
{
	return p->state == PROTOBUF_LIST_LENGTH && !p->shift;
}
