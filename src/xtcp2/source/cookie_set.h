/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_COOKIE_SET_H
#define SOURCE_COOKIE_SET_H
/*
 * The set of socket cookies seen in one dump. The kernel assigns cookies in runs, at
 * the first dump even in the order of the dump, so the set is a hash table with open
 * addressing whose slots are bitmaps of 64 neighbouring cookies. In the best case
 * 100,000 cookies fit the processor's cache; in the worst (no two neighbours) a
 * cookie takes 16 bytes and some slack. The memory is mapped separately, so that
 * freeing it returns it to the system. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cookie_block {
	uint64_t base; /* cookie / 64 */
	uint64_t bits; /* bit N: base * 64 + N is in the set; 0: the slot is free */
};

/* A zeroed set is empty and ready for cookie_set_reset(). */
struct cookie_set {
	struct cookie_block *slots;
	uint32_t order; /* log2 of the number of slots */
	size_t used;	/* slots */
};

/* Empty the set, and shrink it when the last use needed far less. 0 or -ENOMEM; may be repeated. */
int cookie_set_reset(struct cookie_set *s);

/*
 * Add the cookie; return false when the set already has it. Return true for cookie 0,
 * which no socket has, and for any cookie when memory is exhausted: a duplicate
 * record is better than a lost one. Only after cookie_set_reset() has succeeded.
 */
bool cookie_set_add(struct cookie_set *s, uint64_t cookie);
/* Whether the set has the cookie. */
bool cookie_set_has(const struct cookie_set *s, uint64_t cookie);

void cookie_set_free(struct cookie_set *s);

#endif
