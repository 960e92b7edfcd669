/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_COOKIE_SET_H
#define SOURCE_COOKIE_SET_H
/*
 * The socket cookies met in one dump. The kernel hands cookies out in runs, at
 * the first dump even in the order of the dump, so the set holds bitmaps of 64
 * neighbours in a hash table with open addressing: in the good case a hundred
 * thousand cookies fit the processor's cache, in the worst one (no two
 * neighbours) a cookie takes 16 bytes and some slack. The memory is in pages of
 * its own, so that it really goes back to the system. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cookie_block {
	uint64_t base; /* cookie / 64 */
	uint64_t bits; /* bit N: base * 64 + N is in the set; 0: the slot is free */
};

/* Zeroed is empty and ready for cookie_set_reset(). */
struct cookie_set {
	struct cookie_block *slots;
	uint32_t order; /* log2 of the number of slots */
	size_t used;	/* slots */
};

/* Empties it and gives memory back when the last use needed far less. 0 or -ENOMEM; may be repeated. */
int cookie_set_reset(struct cookie_set *s);

/*
 * Adds the cookie; returns false when it was there already. A cookie of 0 (no
 * socket has it) and any cookie that finds no memory count as new: a record
 * twice beats one lost. Only after cookie_set_reset() succeeded.
 */
bool cookie_set_add(struct cookie_set *s, uint64_t cookie);

void cookie_set_free(struct cookie_set *s);

#endif
