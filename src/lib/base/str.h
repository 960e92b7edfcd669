/* SPDX-License-Identifier: MIT */
#ifndef BASE_STR_H
#define BASE_STR_H
/* A borrowed run of bytes: points into memory that somebody else owns, need not end in NUL. */
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	uint32_t len;
};

static inline struct str str_of(const char *s)
{
	return (struct str){s, s ? (uint32_t)strlen(s) : 0};
}

/* Make a text, which a stranger may have written, fit one line: control characters become '?'. */
static inline void str_to_line(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

#endif
