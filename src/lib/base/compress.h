/* SPDX-License-Identifier: MIT */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H
/*
 * Compresses one run of bytes after another, each on its own: a zstd frame, or a
 * gzip member. Frames one after the other are a file that zstd(1) and gzip(1) read.
 * One thread per compressor.
 */
#include <stdbool.h>

#include "base/buf.h"

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD, /* when the program was built with libzstd */
};

struct compressor;

/* Tell whether the program was built with it. */
bool compression_built(enum compression c);

/* Return a compressor with the library's usual level, or NULL with errno: ENOMEM, ENOTSUP. COMPRESSION_NONE copies. */
struct compressor *compressor_new(enum compression kind);
void compressor_free(struct compressor *c);

/* Append the compressed bytes; buf_ok() tells of memory. */
void compressor_run(struct compressor *c, struct buf *b, const void *data, size_t len);

#endif
