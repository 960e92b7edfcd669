/* SPDX-License-Identifier: MIT */
#include "record/msgpack.h"

#include <endian.h>

/* First bytes of https://github.com/msgpack/msgpack/blob/master/spec.md */
enum {
	FIXSTR = 0xa0,
	BIN8 = 0xc4,
	BIN16 = 0xc5,
	BIN32 = 0xc6,
	UINT8 = 0xcc,
	UINT16 = 0xcd,
	UINT32 = 0xce,
	UINT64 = 0xcf,
	INT64 = 0xd3,
	STR8 = 0xd9,
	STR16 = 0xda,
	STR32 = 0xdb,
	MAP16 = 0xde,
};

/* The first byte, then the low `size` bytes of v, big-endian. */
static void put(struct buf *b, uint8_t first, uint64_t v, size_t size)
{
	uint64_t be = htobe64(v);

	buf_byte(b, first);
	buf_append(b, (const uint8_t *)&be + sizeof(be) - size, size);
}

static void put_uint(struct buf *b, uint64_t v)
{
	if (v < 0x80)
		buf_byte(b, v);
	else if (v <= UINT8_MAX)
		put(b, UINT8, v, 1);
	else if (v <= UINT16_MAX)
		put(b, UINT16, v, 2);
	else if (v <= UINT32_MAX)
		put(b, UINT32, v, 4);
	else
		put(b, UINT64, v, 8);
}

static void put_string(struct buf *b, struct str s)
{
	if (s.len < 32)
		buf_byte(b, FIXSTR | s.len);
	else if (s.len <= UINT8_MAX)
		put(b, STR8, s.len, 1);
	else if (s.len <= UINT16_MAX)
		put(b, STR16, s.len, 2);
	else
		put(b, STR32, s.len, 4);
	buf_append(b, s.p, s.len);
}

static void put_binary(struct buf *b, struct str s)
{
	if (s.len <= UINT8_MAX)
		put(b, BIN8, s.len, 1);
	else if (s.len <= UINT16_MAX)
		put(b, BIN16, s.len, 2);
	else
		put(b, BIN32, s.len, 4);
	buf_append(b, s.p, s.len);
}

static void put_value(struct buf *b, const struct record *r, const struct record_field *f)
{
	int64_t time;

	switch (f->kind) {
	case FIELD_STR:
		put_string(b, record_field_bytes(r, f));
		break;
	case FIELD_BYTES:
	case FIELD_ADDR:
		put_binary(b, record_field_bytes(r, f));
		break;
	case FIELD_TIME:
		time = (int64_t)record_field_number(r, f);
		if (time < 0)
			put(b, INT64, (uint64_t)time, 8);
		else
			put_uint(b, (uint64_t)time);
		break;
	default:
		put_uint(b, record_field_number(r, f));
	}
}

void msgpack_begin(struct encoder *e, struct buf *b)
{
	e->start = b->len;
}

void msgpack_row(struct encoder *e, struct buf *b, const struct record *r)
{
	size_t head = b->len;
	uint16_t count = 0;

	put(b, MAP16, 0, 2);
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];

		if (!record_field_present(r, f))
			continue;
		put_string(b, str_of(encoder_field_name(e, f)));
		put_value(b, r, f);
		count++;
	}
	if (!buf_ok(b))
		return;
	count = htobe16(count);
	memcpy(b->data + head + 1, &count, sizeof(count));
}

void msgpack_end(struct encoder *e, struct buf *b)
{
}
