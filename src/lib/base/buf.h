/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUF_H
#define BASE_BUF_H
/*
 * A growable byte buffer. `struct buf b = {0};` is an empty buffer. The buffer
 * owns its storage; buf_free() leaves it empty and usable. Growth that fails
 * (no memory, or beyond BUF_MAX) sets `failed` and drops the bytes, and every
 * later append is refused until buf_reset(): check buf_ok() once at the end
 * instead of after each append. Not thread-safe.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

/* No buffer grows beyond this many bytes: a bound against runaway input. */
#define BUF_MAX (UINT32_C(1) << 30)

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool failed;
};

void buf_free(struct buf *b);
#define _cleanup_buf_ _cleanup_(buf_free)

static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

/* Give back the memory behind len, unless the buffer is empty. */
void buf_trim(struct buf *b);

/* Slow path of buf_reserve(). Return false, with `failed` set, when it cannot grow. */
bool buf_grow(struct buf *b, size_t more);

/* Make room for `more` bytes past len, so that they may be written directly. */
static inline bool buf_reserve(struct buf *b, size_t more)
{
	if (!b->failed && b->cap - b->len >= more)
		return true;
	return buf_grow(b, more);
}

static inline void buf_append(struct buf *b, const void *data, size_t n)
{
	if (n && buf_reserve(b, n)) {
		memcpy(b->data + b->len, data, n);
		b->len += n;
	}
}

static inline void buf_byte(struct buf *b, uint8_t c)
{
	if (buf_reserve(b, 1))
		b->data[b->len++] = c;
}

static inline void buf_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Remove the first n bytes (all when n >= len). Costs a memmove of the rest. */
void buf_consume(struct buf *b, size_t n);

/* The content as a C string, owned by the buffer, valid until the next change. NULL without memory. */
const char *buf_cstr(struct buf *b);

#endif
