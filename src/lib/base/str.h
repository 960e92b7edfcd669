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

#endif
