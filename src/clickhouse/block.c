/* SPDX-License-Identifier: MIT */
#include "clickhouse/block.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "clickhouse/cityhash.h"

#define METHOD_NONE 0x02
#define METHOD_LZ4  0x82
#define METHOD_ZSTD 0x90

#define CHECKSUM_BYTES 16
#define HEADER_BYTES   9 /* method and two lengths */

/* Lengths of LZ4: a nibble that is full goes on in bytes, the last of which is not full; a match has at least 4. */
#define LZ4_NIBBLE    15
#define LZ4_MATCH_MIN 4

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static void store32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static void checksum_of(const uint8_t *p, size_t len, uint8_t out[static CHECKSUM_BYTES])
{
	struct hash128 hash = cityhash128(p, len);
	uint64_t low = htole64(hash.low), high = htole64(hash.high);

	memcpy(out, &low, sizeof(low));
	memcpy(out + sizeof(low), &high, sizeof(high));
}

/* What remains of the input. */
struct lz4 {
	const uint8_t *p, *end;
};

/* Read what continues a length that fills its nibble. false at the end of the data, and beyond `max`. */
static bool read_length(struct lz4 *in, size_t *length, size_t max)
{
	uint8_t byte = UINT8_MAX;

	if (*length != LZ4_NIBBLE)
		return true;
	while (byte == UINT8_MAX) {
		if (in->p == in->end || *length > max)
			return false;
		byte = *in->p++;
		*length += byte;
	}
	return true;
}

/* Copy a match, which may reach into itself: then it repeats. */
static void copy_match(uint8_t *to, size_t offset, size_t length)
{
	const uint8_t *from = to - offset;

	if (offset >= length) {
		memcpy(to, from, length);
		return;
	}
	for (size_t i = 0; i < length; i++)
		to[i] = from[i];
}

bool lz4_decompress(const uint8_t *data, size_t len, uint8_t *out, size_t size)
{
	struct lz4 in = {data, data + len};
	size_t done = 0;

	while (in.p < in.end) {
		uint8_t token = *in.p++;
		size_t literals = token >> 4, match = token & LZ4_NIBBLE;

		if (!read_length(&in, &literals, size) || literals > (size_t)(in.end - in.p) ||
		    literals > size - done)
			return false;
		memcpy(out + done, in.p, literals);
		in.p += literals;
		done += literals;
		/* The last sequence has literals alone. */
		if (in.p == in.end)
			break;
		if (in.end - in.p < 2)
			return false;
		size_t offset = (size_t)in.p[0] | (size_t)in.p[1] << 8;
		in.p += 2;
		if (!read_length(&in, &match, size))
			return false;
		match += LZ4_MATCH_MIN;
		if (offset == 0 || offset > done || match > size - done)
			return false;
		copy_match(out + done, offset, match);
		done += match;
	}
	return done == size;
}

/* Take bytes until r->in has `want`. Return whether it has. */
static bool fill(struct block_reader *r, struct str *data, size_t want)
{
	size_t n = want > r->in.len ? want - r->in.len : 0;

	if (n > data->len)
		n = data->len;
	buf_append(&r->in, data->p, n);
	data->p += n;
	data->len -= (uint32_t)n;
	return r->in.len >= want;
}

/* Decompress the whole block in r->in to r->out. NULL, or why it cannot be. */
static const char *unpack(struct block_reader *r, uint32_t len, uint32_t size)
{
	const uint8_t *block = r->in.data + CHECKSUM_BYTES, *packed = block + HEADER_BYTES;
	uint8_t sum[CHECKSUM_BYTES];

	checksum_of(block, len, sum);
	if (memcmp(sum, r->in.data, sizeof(sum)) != 0)
		return "Checksum of a compressed block does not match";
	buf_reset(&r->out);
	if (!buf_reserve(&r->out, size))
		return "No memory for a compressed block";
	r->out.len = size;
	switch (block[0]) {
	case METHOD_NONE:
		if (len - HEADER_BYTES != size)
			return "A block that is not compressed has two lengths";
		memcpy(r->out.data, packed, size);
		return NULL;
	case METHOD_LZ4:
		return lz4_decompress(packed, len - HEADER_BYTES, r->out.data, size)
			   ? NULL
			   : "A compressed block is no LZ4";
	case METHOD_ZSTD:
		return "Blocks compressed by ZSTD are not supported, LZ4 is";
	default:
		return "A compressed block has an unknown method";
	}
}

int block_read(struct block_reader *r, struct str *data, const char **why)
{
	if (!fill(r, data, CHECKSUM_BYTES + HEADER_BYTES))
		return 0;
	uint32_t len = load32(r->in.data + CHECKSUM_BYTES + 1),
		 size = load32(r->in.data + CHECKSUM_BYTES + 5);

	*why = NULL;
	if (len <= HEADER_BYTES || len > BLOCK_MAX || size == 0 || size > BLOCK_MAX)
		*why = "The body is no sequence of compressed blocks of at most 32 MiB";
	else if (!fill(r, data, CHECKSUM_BYTES + (size_t)len))
		*why = buf_ok(&r->in) ? NULL : "No memory for a compressed block";
	else
		*why = unpack(r, len, size);
	if (*why)
		return -EBADMSG;
	if (r->in.len < CHECKSUM_BYTES + (size_t)len)
		return 0;
	buf_reset(&r->in);
	return 1;
}

bool block_complete(const struct block_reader *r)
{
	return r->in.len == 0;
}

void block_reader_free(struct block_reader *r)
{
	buf_free(&r->in);
	buf_free(&r->out);
}

void block_append(struct buf *b, const void *data, uint32_t len)
{
	if (!buf_reserve(b, CHECKSUM_BYTES + HEADER_BYTES + (size_t)len))
		return;
	uint8_t *block = b->data + b->len, *header = block + CHECKSUM_BYTES;

	header[0] = METHOD_NONE;
	store32(header + 1, HEADER_BYTES + len);
	store32(header + 5, len);
	memcpy(header + HEADER_BYTES, data, len);
	checksum_of(header, HEADER_BYTES + (size_t)len, block);
	b->len += CHECKSUM_BYTES + HEADER_BYTES + (size_t)len;
}
