/* SPDX-License-Identifier: MIT */
#include "base/compress.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "version.h"
#if XTCP2_ZSTD
#include <zstd.h>
#endif

/* The largest window, and the gzip format rather than zlib's. */
#define WINDOW_GZIP    (15 + 16)
#define MEMORY_DEFAULT 8

struct compressor {
	enum compression kind;
	z_stream gzip;
#if XTCP2_ZSTD
	ZSTD_CCtx *zstd;
#endif
};

bool compression_built(enum compression c)
{
	return c != COMPRESSION_ZSTD || XTCP2_ZSTD;
}

struct compressor *compressor_new(enum compression kind)
{
	struct compressor *c = compression_built(kind) ? calloc(1, sizeof(*c)) : NULL;
	bool made = true;

	if (!c) {
		errno = compression_built(kind) ? ENOMEM : ENOTSUP;
		return NULL;
	}
	c->kind = kind;
	if (kind == COMPRESSION_GZIP)
		made = deflateInit2(&c->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEMORY_DEFAULT,
				    Z_DEFAULT_STRATEGY) == Z_OK;
#if XTCP2_ZSTD
	if (kind == COMPRESSION_ZSTD)
		made = (c->zstd = ZSTD_createCCtx()) != NULL;
#endif
	if (made)
		return c;
	free(c);
	errno = ENOMEM;
	return NULL;
}

void compressor_free(struct compressor *c)
{
	if (!c)
		return;
	if (c->kind == COMPRESSION_GZIP)
		deflateEnd(&c->gzip);
#if XTCP2_ZSTD
	ZSTD_freeCCtx(c->zstd);
#endif
	free(c);
}

static void gzip_run(struct compressor *c, struct buf *b, const void *data, size_t len)
{
	size_t most = deflateBound(&c->gzip, len);

	if (!buf_reserve(b, most))
		return;
	deflateReset(&c->gzip);
	c->gzip.next_in = (Bytef *)(uintptr_t)data;
	c->gzip.avail_in = (uInt)len;
	c->gzip.next_out = b->data + b->len;
	c->gzip.avail_out = (uInt)most;
	if (deflate(&c->gzip, Z_FINISH) == Z_STREAM_END)
		b->len += most - c->gzip.avail_out;
	else
		b->failed = true;
}

void compressor_run(struct compressor *c, struct buf *b, const void *data, size_t len)
{
	if (c->kind == COMPRESSION_NONE) {
		buf_append(b, data, len);
		return;
	}
	if (c->kind == COMPRESSION_GZIP) {
		gzip_run(c, b, data, len);
		return;
	}
#if XTCP2_ZSTD
	size_t most = ZSTD_compressBound(len);
	if (!buf_reserve(b, most))
		return;
	size_t n = ZSTD_compressCCtx(c->zstd, b->data + b->len, most, data, len, ZSTD_CLEVEL_DEFAULT);
	if (ZSTD_isError(n))
		b->failed = true;
	else
		b->len += n;
#endif
}
