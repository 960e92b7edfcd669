/* SPDX-License-Identifier: MIT */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H
#include <stddef.h>
#include <unistd.h>

/* Round up to whole pages. */
static inline size_t pages_up(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

#endif
