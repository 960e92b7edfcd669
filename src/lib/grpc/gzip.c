/* SPDX-License-Identifier: MIT */
#include "grpc/gzip.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

/* The largest window, and the gzip format rather than zlib's. */
#define WINDOW_GZIP    (15 + 16)
#define MEMORY_DEFAULT 8
/* Bytes by which the output grows. */
#define STEP	       4096

bool gzip_listed(struct str list)
{
	static const char name[] = "gzip";
	const char *p = (const char *)list.p, *end = p + list.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
		const char *word = p;
		while (word < stop && *word == ' ')
			word++;
		size_t len = (size_t)(stop - word);
		while (len > 0 && word[len - 1] == ' ')
			len--;
		if (len == sizeof(name) - 1 && memcmp(word, name, len) == 0)
			return true;
		p = comma ? comma + 1 : end;
	}
	return false;
}

/* Inflate until the end of the member; the caller ends the stream. */
static int inflate_all(z_stream *z, struct buf *b, size_t most)
{
	size_t begin = b->len;

	for (;;) {
		/* One byte more than allowed tells too much from just enough. */
		size_t room = most + 1 - (b->len - begin);
		room = room < STEP ? room : STEP;
		if (!buf_reserve(b, room))
			return -ENOMEM;
		z->next_out = b->data + b->len;
		z->avail_out = (uInt)room;
		int r = inflate(z, Z_NO_FLUSH);
		b->len += room - z->avail_out;
		if (b->len - begin > most)
			return -EMSGSIZE;
		if (r == Z_STREAM_END)
			return z->avail_in ? -EBADMSG : 0;
		if (r == Z_MEM_ERROR)
			return -ENOMEM;
		/* Z_BUF_ERROR: the input has ended before the member. */
		if (r != Z_OK)
			return -EBADMSG;
	}
}

int gzip_inflate(struct buf *b, const uint8_t *data, size_t len, size_t most)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len};

	if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
		return -ENOMEM;
	int r = inflate_all(&z, b, most);
	inflateEnd(&z);
	return r;
}

size_t gzip_deflate(uint8_t *out, size_t size, const uint8_t *data, size_t len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
		      .avail_in = (uInt)len,
		      .next_out = out,
		      .avail_out = (uInt)size};

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEMORY_DEFAULT, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return 0;
	bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
	size_t written = size - z.avail_out;
	deflateEnd(&z);
	return whole ? written : 0;
}
