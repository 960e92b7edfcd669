/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The hot encoder: protobuf wire bytes straight from struct record, expanded
 * from fields.def. A tag is a constant of one to three bytes. The most that a
 * row can need is known before it is written (a constant for all numbers, plus
 * the lengths of the strings), so room is made once per row and bytes are stored
 * without further checks. Varints of more than one byte are spread with shifts and masks
 * rather than a loop, because their lengths vary from socket to socket and a
 * mispredicted branch costs more than the arithmetic: every store is 8 bytes wide
 * and the next one overwrites the excess.
 *
 * Lengths precede their content. A row is written as if its length took two bytes
 * (128 to 16,383) and an envelope as if it took three (16 KiB to 2 MiB), which is
 * nearly always right; otherwise the content is moved by a byte or two.
 */
#include "record/wire.h"

#include <endian.h>

#define ENVELOPE_ROW_TAG ((10 << 3) | 2)

/* Bytes that a length is expected to take. */
#define ROW_LENGTH_BYTES      2
#define ENVELOPE_LENGTH_BYTES 3

/* The most bytes a field takes, without the content of strings; a tag has up to 3. */
#define MAX_U32					(3 + 5)
#define MAX_U64					(3 + 10)
#define MAX_TIME				MAX_U64
#define MAX_STR					(3 + 5)
#define MAX_BYTES				MAX_STR
#define MAX_ADDR				MAX_STR
#define MAX_STATE				MAX_U32
#define MAX_CC					MAX_U32
#define MAX_OF(number, name, KIND, kernel, ...) +MAX_##KIND

/* Stores are 8 bytes wide. */
#define STORE_SLACK 8
enum { ROW_MAX_FIXED = STORE_SLACK RECORD_FIELDS(MAX_OF) };

/* The bytes of all strings of a section. */
#define LENGTH_U32(name)
#define LENGTH_U64(name)
#define LENGTH_TIME(name)
#define LENGTH_STATE(name)
#define LENGTH_CC(name)
#define LENGTH_STR(name)			   +(size_t)r->name.len
#define LENGTH_BYTES(name)			   LENGTH_STR(name)
#define LENGTH_ADDR(name)			   LENGTH_STR(name)
#define LENGTH_OF(number, name, KIND, kernel, ...) LENGTH_##KIND(name)

static inline uint8_t *put_varint_loop(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/* Write up to 8 bytes more than the varint has. */
static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	if (v < 0x80) {
		*p = (uint8_t)v;
		return p + 1;
	}
	if (__builtin_expect(v >> 56 != 0, 0))
		return put_varint_loop(p, v);
	/* 7 bits per byte: 28 + 28, then 14 + 14 twice, then 7 + 7 four times */
	uint64_t x = (v & 0x0fffffff) | (v & UINT64_C(0x00fffffff0000000)) << 4;
	x = (x & UINT64_C(0x00003fff00003fff)) | (x & UINT64_C(0x0fffc0000fffc000)) << 2;
	x = (x & UINT64_C(0x007f007f007f007f)) | (x & UINT64_C(0x3f803f803f803f80)) << 1;
	unsigned more = (63 - (unsigned)__builtin_clzll(x | 1)) / 8; /* bytes after the first */
	x |= UINT64_C(0x8080808080808080) & ((UINT64_C(1) << (8 * more)) - 1);
	x = htole64(x);
	memcpy(p, &x, sizeof(x));
	return p + more + 1;
}

/* number and type are constants: this becomes one store. */
static inline __attribute__((always_inline)) uint8_t *put_tag(uint8_t *p, uint32_t number, uint32_t type)
{
	uint32_t tag = number << 3 | type;

	if (tag < 1U << 7) {
		p[0] = tag;
		return p + 1;
	}
	p[0] = tag | 0x80;
	if (tag < 1U << 14) {
		p[1] = tag >> 7;
		return p + 2;
	}
	p[1] = tag >> 7 | 0x80;
	p[2] = tag >> 14;
	return p + 3;
}

static inline __attribute__((always_inline)) uint8_t *put_number(uint8_t *p, uint32_t number, uint64_t v)
{
	return v ? put_varint(put_tag(p, number, 0), v) : p;
}

static inline __attribute__((always_inline)) uint8_t *put_bytes(uint8_t *p, uint32_t number, struct str s)
{
	if (!s.len)
		return p;
	p = put_varint(put_tag(p, number, 2), s.len);
	memcpy(p, s.p, s.len);
	return p + s.len;
}

#define PUT_U32(number, name)		     p = put_number(p, number, r->name);
#define PUT_U64(number, name)		     p = put_number(p, number, r->name);
#define PUT_TIME(number, name)		     p = put_number(p, number, (uint64_t)r->name);
#define PUT_STATE(number, name)		     PUT_U32(number, name)
#define PUT_CC(number, name)		     PUT_U32(number, name)
#define PUT_STR(number, name)		     p = put_bytes(p, number, r->name);
#define PUT_BYTES(number, name)		     PUT_STR(number, name)
#define PUT_ADDR(number, name)		     PUT_STR(number, name)
#define PUT(number, name, KIND, kernel, ...) PUT_##KIND(number, name)

#define SECTION_FUNCTIONS(SECTION, attr)                                  \
	static uint8_t *put_##SECTION(uint8_t *p, const struct record *r) \
	{                                                                 \
		RECORD_FIELDS_##SECTION(PUT) return p;                    \
	}                                                                 \
	static inline size_t length_##SECTION(const struct record *r)     \
	{                                                                 \
		return 0 RECORD_FIELDS_##SECTION(LENGTH_OF);              \
	}
RECORD_SECTIONS(SECTION_FUNCTIONS)

/* Return the maximum size of a row. */
static size_t row_max(const struct record *r)
{
	size_t n = ROW_MAX_FIXED;

#define ADD_LENGTH(SECTION, attr)              \
	if (r->sections & RECORD_HAS(SECTION)) \
		n += length_##SECTION(r);
	RECORD_SECTIONS(ADD_LENGTH)
#undef ADD_LENGTH
	return n;
}

static uint8_t *put_row(uint8_t *p, const struct record *r)
{
#define PUT_SECTION(SECTION, attr)             \
	if (r->sections & RECORD_HAS(SECTION)) \
		p = put_##SECTION(p, r);
	RECORD_SECTIONS(PUT_SECTION)
#undef PUT_SECTION
	return p;
}

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

/*
 * Put the length before the `size` bytes of content at `at + expected` and return
 * the end. There must be room for a longer length.
 */
static uint8_t *close_length(uint8_t *at, size_t expected, size_t size)
{
	size_t n = varint_size(size);

	if (n != expected)
		memmove(at + n, at + expected, size);
	put_varint_loop(at, size);
	return at + n + size;
}

void wire_encode(struct buf *b, const struct record *r)
{
	if (buf_reserve(b, row_max(r)))
		b->len = put_row(b->data + b->len, r) - b->data;
}

void wire_begin(struct encoder *e, struct buf *b)
{
	e->start = b->len;
	buf_append(b, (const uint8_t[ENVELOPE_LENGTH_BYTES]){0}, ENVELOPE_LENGTH_BYTES);
}

void wire_row(struct encoder *e, struct buf *b, const struct record *r)
{
	if (!buf_reserve(b, 1 + WIRE_OVERHEAD + row_max(r)))
		return;
	uint8_t *p = b->data + b->len;
	*p++ = ENVELOPE_ROW_TAG;
	uint8_t *body = p + ROW_LENGTH_BYTES;
	size_t size = put_row(body, r) - body;

	b->len = close_length(p, ROW_LENGTH_BYTES, size) - b->data;
}

void wire_end(struct encoder *e, struct buf *b)
{
	if (!buf_reserve(b, WIRE_OVERHEAD))
		return;
	size_t size = b->len - e->start - ENVELOPE_LENGTH_BYTES;

	b->len = close_length(b->data + e->start, ENVELOPE_LENGTH_BYTES, size) - b->data;
}
