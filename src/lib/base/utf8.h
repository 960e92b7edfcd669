/* SPDX-License-Identifier: MIT */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
/* Strings of records, of JSON and of protobuf are UTF-8 (RFC 3629); readers refuse anything else. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Return the length of the UTF-8 sequence at p, where `left` bytes are; 0 for none (overlong forms, surrogates). */
static inline size_t utf8_length(const uint8_t *p, size_t left)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] >= 0x90))
		return 0;
	return n;
}

static inline bool utf8_valid(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;

	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));
		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

#endif
