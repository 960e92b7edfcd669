/* SPDX-License-Identifier: MIT */
/*
 * Compressed blocks of a driver of ClickHouse: the bytes as a stream of blocks, as the data of an LZ4 block, and as one
 * with the right checksum.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "clickhouse/block.h"
#include "clickhouse/cityhash.h"
#include "fuzz.h"

/* Bytes to decompress to, at most: by the first byte of the input. */
#define OUT_UNIT 16

static void read_all(const uint8_t *data, size_t len, size_t step)
{
	struct block_reader r = {0};
	const char *why;
	int result = 0;

	for (size_t at = 0; at < len && result >= 0; at += step) {
		struct str piece = {(const char *)data + at, (uint32_t)(len - at < step ? len - at : step)};
		do {
			result = block_read(&r, &piece, &why);
			assert(result <= 0 || (r.out.len > 0 && r.out.len <= BLOCK_MAX));
			assert(result >= 0 || *why);
		} while (result > 0);
	}
	block_reader_free(&r);
}

/* The data as the only block of a stream. */
static void read_one(const uint8_t *data, size_t len, uint8_t size)
{
	struct buf b = {0};

	block_append(&b, data, (uint32_t)len);
	assert(buf_ok(&b));
	uint8_t *block = b.data + 16;
	block[0] = 0x82;
	block[5] = size;
	memset(block + 6, 0, 3);
	struct hash128 hash = cityhash128(block, b.len - 16);
	for (size_t i = 0; i < 8; i++) {
		b.data[i] = (uint8_t)(hash.low >> (8 * i));
		b.data[8 + i] = (uint8_t)(hash.high >> (8 * i));
	}
	read_all(b.data, b.len, b.len);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t room = (size_t)data[0] * OUT_UNIT;
	uint8_t *in = malloc(size), *out = malloc(room ? room : 1);
	assert(in && out);
	/* A copy, so that a byte read beyond the end is seen. */
	memcpy(in, data + 1, size - 1);
	lz4_decompress(in, size - 1, out, room);
	free(in);
	free(out);
	read_all(data, size, size);
	read_all(data, size, 7);
	read_one(data + 1, size - 1, data[0]);
	return 0;
}
