/* SPDX-License-Identifier: MIT */
/*
 * https://github.com/apache/parquet-format/blob/master/Encodings.md: a run is
 * varint(length << 1) and the value; packed bits are varint(groups << 1 | 1) and
 * groups of 8 values, the last one filled up with zeros. Packed bits before a run
 * must therefore be a multiple of 8 values.
 */
#include "parquet/hybrid.h"

#include "parquet/thrift.h"

/* A run shorter than this is cheaper as packed bits. */
#define RUN_MIN 8

unsigned hybrid_width(uint32_t most)
{
	return most ? 32 - (unsigned)__builtin_clz(most) : 0;
}

static size_t run_length(const uint32_t *values, size_t count)
{
	size_t n = 1;

	while (n < count && values[n] == values[0])
		n++;
	return n;
}

static void encode_run(struct buf *b, uint32_t value, size_t length, unsigned width)
{
	thrift_varint(b, (uint64_t)length << 1);
	for (unsigned i = 0; i < (width + 7) / 8; i++)
		buf_byte(b, (uint8_t)(value >> 8 * i));
}

static void encode_packed(struct buf *b, const uint32_t *values, size_t count, unsigned width)
{
	size_t groups = (count + 7) / 8;
	uint64_t bits = 0;
	unsigned have = 0;

	thrift_varint(b, (uint64_t)groups << 1 | 1);
	if (!buf_reserve(b, groups * width))
		return;
	for (size_t i = 0; i < groups * 8; i++) {
		bits |= (uint64_t)(i < count ? values[i] : 0) << have;
		for (have += width; have >= 8; have -= 8) {
			b->data[b->len++] = (uint8_t)bits;
			bits >>= 8;
		}
	}
}

void hybrid_encode(struct buf *b, const uint32_t *values, size_t count, unsigned width)
{
	size_t begin = 0, at = 0;

	while (at < count) {
		size_t run = run_length(values + at, count - at);
		/* What the packed bits before it lack to whole groups is taken from the run. */
		size_t fill = (8 - (at - begin) % 8) % 8;

		if (run < RUN_MIN + fill) {
			at += run;
			continue;
		}
		at += fill;
		if (at > begin)
			encode_packed(b, values + begin, at - begin, width);
		encode_run(b, values[at], run - fill, width);
		at += run - fill;
		begin = at;
	}
	if (at > begin)
		encode_packed(b, values + begin, at - begin, width);
}
