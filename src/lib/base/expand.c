/* SPDX-License-Identifier: MIT */
#include "base/expand.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "version.h"
#if XTCP2_ZSTD
#include <zstd.h>
#endif

/* Bytes read at a time. */
#define PIECE_BYTES 65536
/* Bytes by which a compression is recognised. */
#define MAGIC_BYTES 4

struct expand {
	int fd;
	enum { UNKNOWN, PLAIN, GZIP, ZSTD } kind;
	bool at_start; /* of a member or frame: the file may end here */
	bool over;     /* the descriptor is */
	uint8_t data[PIECE_BYTES];
	size_t begin, end; /* of what was read and not used */
	z_stream gzip;
#if XTCP2_ZSTD
	ZSTD_DCtx *zstd;
#endif
};

struct expand *expand_new(int fd)
{
	struct expand *e = calloc(1, sizeof(*e));

	if (e)
		e->fd = fd;
	return e;
}

void expand_free(struct expand *e)
{
	if (!e)
		return;
	if (e->kind == GZIP)
		inflateEnd(&e->gzip);
#if XTCP2_ZSTD
	ZSTD_freeDCtx(e->zstd);
#endif
	free(e);
}

const char *expand_kind(const struct expand *e)
{
	return e->kind == GZIP ? "gzip" : e->kind == ZSTD ? "zstd" : "";
}

/* Read more bytes, behind those that are there. 0 or -errno. */
static int fill(struct expand *e)
{
	if (e->begin == e->end)
		e->begin = e->end = 0;
	while (e->end < sizeof(e->data)) {
		ssize_t n = read(e->fd, e->data + e->end, sizeof(e->data) - e->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		e->over = n == 0;
		e->end += (size_t)n;
		return 0;
	}
	return 0;
}

static int start_zstd(struct expand *e)
{
#if XTCP2_ZSTD
	e->zstd = ZSTD_createDCtx();
	return e->zstd ? 0 : -ENOMEM;
#else
	return -ENOTSUP;
#endif
}

static int recognise(struct expand *e)
{
	int r = 0;

	while (!r && !e->over && e->end - e->begin < MAGIC_BYTES)
		r = fill(e);
	const uint8_t *p = e->data;
	e->at_start = true;
	e->kind = PLAIN;
	if (r || e->end < MAGIC_BYTES)
		return r;
	if (p[0] == 0x1f && p[1] == 0x8b) {
		if (inflateInit2(&e->gzip, 16 + MAX_WBITS) != Z_OK)
			return -ENOMEM;
		e->kind = GZIP;
	} else if (memcmp(p, "\x28\xb5\x2f\xfd", MAGIC_BYTES) == 0) {
		r = start_zstd(e);
		e->kind = r ? PLAIN : ZSTD;
	}
	return r;
}

/* Expand what is there. Return the number of bytes written, or -EBADMSG. */
static ssize_t run_gzip(struct expand *e, void *to, size_t size)
{
	e->gzip.next_in = e->data + e->begin;
	e->gzip.avail_in = (unsigned)(e->end - e->begin);
	e->gzip.next_out = to;
	e->gzip.avail_out = (unsigned)size;
	int r = inflate(&e->gzip, Z_NO_FLUSH);
	e->begin = e->end - e->gzip.avail_in;
	e->at_start = r == Z_STREAM_END;
	if (r == Z_STREAM_END)
		inflateReset(&e->gzip);
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return -EBADMSG;
	return (ssize_t)(size - e->gzip.avail_out);
}

static ssize_t run_zstd(struct expand *e, void *to, size_t size)
{
#if XTCP2_ZSTD
	ZSTD_inBuffer in = {e->data, e->end, e->begin};
	ZSTD_outBuffer out = {to, size, 0};
	size_t r = ZSTD_decompressStream(e->zstd, &out, &in);

	e->begin = in.pos;
	e->at_start = r == 0;
	return ZSTD_isError(r) ? -EBADMSG : (ssize_t)out.pos;
#else
	return -ENOTSUP;
#endif
}

static ssize_t run_plain(struct expand *e, void *to, size_t size)
{
	size_t n = e->end - e->begin < size ? e->end - e->begin : size;

	memcpy(to, e->data + e->begin, n);
	e->begin += n;
	return (ssize_t)n;
}

ssize_t expand_read(struct expand *e, void *to, size_t size)
{
	int r = e->kind == UNKNOWN ? recognise(e) : 0;

	if (r)
		return r;
	for (;;) {
		bool held = !e->at_start; /* the library may hold bytes that did not fit before */
		ssize_t n = 0;
		if (e->begin < e->end || held)
			n = e->kind == GZIP   ? run_gzip(e, to, size)
			    : e->kind == ZSTD ? run_zstd(e, to, size)
					      : run_plain(e, to, size);
		if (n)
			return n;
		if (e->over)
			return e->at_start || e->kind == PLAIN ? 0 : -EBADMSG;
		if (e->begin == e->end) {
			r = fill(e);
			if (r)
				return r;
		}
	}
}
