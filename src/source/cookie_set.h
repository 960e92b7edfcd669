/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_COOKIE_SET_H
#define SOURCE_COOKIE_SET_H
/*
 * The socket cookies met in one dump: a set of u64 with open addressing, in
 * pages of its own so that memory really goes back to the system. Zeroed is
 * empty and ready for cookie_set_reset(). One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cookie_set {
	uint64_t *slots; /* 0 is free: no socket has the cookie 0 */
	uint32_t bits;	 /* log2 of the number of slots */
	size_t used;
};

/* Empties it and gives memory back when the last use needed far less. 0 or -ENOMEM; may be repeated. */
int cookie_set_reset(struct cookie_set *s);

/*
 * Adds the cookie; returns false when it was there already. A cookie of 0 and
 * any cookie that finds no memory count as new: a record twice beats one lost.
 * Only after cookie_set_reset() succeeded.
 */
bool cookie_set_add(struct cookie_set *s, uint64_t cookie);

void cookie_set_free(struct cookie_set *s);

#endif
