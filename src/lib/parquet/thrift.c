/* SPDX-License-Identifier: MIT */
#include "parquet/thrift.h"

#include <assert.h>

/* https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
enum { TRUE = 1, FALSE = 2, BYTE = 3, I16 = 4, LIST = 9 };

void thrift_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_byte(b, (uint8_t)(v | 0x80));
	buf_byte(b, (uint8_t)v);
}

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

/* The id as the difference to the last one, when it is 1 to 15. */
static void field(struct thrift *t, int16_t id, uint8_t type)
{
	int16_t *last = &t->last[t->depth];
	int delta = id - *last;

	if (delta > 0 && delta <= 15) {
		buf_byte(t->b, (uint8_t)(delta << 4 | type));
	} else {
		buf_byte(t->b, type);
		thrift_varint(t->b, zigzag(id));
	}
	*last = id;
}

void thrift_element(struct thrift *t)
{
	t->depth++;
	assert(t->depth < THRIFT_DEPTH_MAX);
	t->last[t->depth] = 0;
}

void thrift_struct(struct thrift *t, int16_t id)
{
	field(t, id, THRIFT_STRUCT);
	thrift_element(t);
}

void thrift_end(struct thrift *t)
{
	buf_byte(t->b, 0);
	t->depth--;
}

void thrift_bool(struct thrift *t, int16_t id, bool v)
{
	field(t, id, v ? TRUE : FALSE);
}

void thrift_i8(struct thrift *t, int16_t id, int8_t v)
{
	field(t, id, BYTE);
	buf_byte(t->b, (uint8_t)v);
}

static void number(struct thrift *t, int16_t id, uint8_t type, int64_t v)
{
	field(t, id, type);
	thrift_varint(t->b, zigzag(v));
}

void thrift_i16(struct thrift *t, int16_t id, int16_t v)
{
	number(t, id, I16, v);
}

void thrift_i32(struct thrift *t, int16_t id, int32_t v)
{
	number(t, id, THRIFT_I32, v);
}

void thrift_i64(struct thrift *t, int16_t id, int64_t v)
{
	number(t, id, THRIFT_I64, v);
}

void thrift_binary(struct thrift *t, int16_t id, struct str v)
{
	field(t, id, THRIFT_BINARY);
	thrift_list_binary(t, v);
}

void thrift_empty(struct thrift *t, int16_t id)
{
	thrift_struct(t, id);
	thrift_end(t);
}

void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, uint32_t count)
{
	field(t, id, LIST);
	if (count < 15) {
		buf_byte(t->b, (uint8_t)(count << 4 | type));
	} else {
		buf_byte(t->b, (uint8_t)(0xf0 | type));
		thrift_varint(t->b, count);
	}
}

void thrift_list_int(struct thrift *t, int64_t v)
{
	thrift_varint(t->b, zigzag(v));
}

void thrift_list_bool(struct thrift *t, bool v)
{
	buf_byte(t->b, v ? TRUE : FALSE);
}

void thrift_list_binary(struct thrift *t, struct str v)
{
	thrift_varint(t->b, v.len);
	buf_append(t->b, v.p, v.len);
}
