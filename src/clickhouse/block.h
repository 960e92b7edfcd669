/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_BLOCK_H
#define CLICKHOUSE_BLOCK_H
/*
 * The framing of compressed data of ClickHouse's own protocols, which over HTTP a driver asks for by decompress=1
 * (bodies) and compress=1 (answers). A block is
 *
 *   16 bytes  CityHash128 of all that follows
 *    1 byte   method: 0x02 none, 0x82 LZ4, 0x90 ZSTD
 *    4 bytes  length of the data as sent, these 9 bytes included; little-endian, as all numbers
 *    4 bytes  length of the data when it is decompressed
 *   and the data
 *
 * Blocks of LZ4 and none are read; answers are made of blocks of none, which every driver reads: a request that
 * wants them small asks for gzip. Pure.
 */
#include "base/buf.h"
#include "base/str.h"

/* Most bytes of a block, compressed and decompressed; drivers send blocks of 1 to 10 MiB. */
#define BLOCK_MAX (32 << 20)

/* Reads blocks from pieces of a stream. A zeroed one is ready. */
struct block_reader {
	struct buf in;	/* the part of a block read so far */
	struct buf out; /* the last block, decompressed */
};

/*
 * Take bytes from *data up to the end of a block and move *data beyond them. Return 1 with a block in r->out, 0
 * when *data is used up, or -EBADMSG with one sentence in *why (static).
 */
int block_read(struct block_reader *r, struct str *data, const char **why);
/* Tell whether the stream may end here: no block has begun. */
bool block_complete(const struct block_reader *r);
void block_reader_free(struct block_reader *r);

/* Append the data, at most BLOCK_MAX bytes, as one block. */
void block_append(struct buf *b, const void *data, uint32_t len);

/*
 * Decompress one LZ4 block (lz4_Block_format.md of LZ4) of len bytes to exactly `size` bytes. false for data that is
 * damaged or of another length.
 */
bool lz4_decompress(const uint8_t *data, size_t len, uint8_t *out, size_t size);

#endif
