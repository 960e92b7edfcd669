/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

bool buf_grow(struct buf *b, size_t more)
{
	if (b->failed)
		return false;
	size_t cap = b->cap ? b->cap : 256;
	while (cap - b->len < more && cap <= BUF_MAX)
		cap *= 2;
	uint8_t *data = cap <= BUF_MAX ? realloc(b->data, cap) : NULL;
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_trim(struct buf *b)
{
	uint8_t *data = b->len > 0 ? realloc(b->data, b->len) : NULL;

	if (data) {
		b->data = data;
		b->cap = b->len;
	}
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += n;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (!buf_reserve(b, 1))
		return NULL;
	b->data[b->len] = '\0';
	return (const char *)b->data;
}
