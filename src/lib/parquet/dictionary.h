/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_DICTIONARY_H
#define PARQUET_DICTIONARY_H
/*
 * The different values of one column, numbered in the order of their arrival. They
 * are kept in the encoding PLAIN, which is that of a dictionary page. A zeroed
 * dictionary is empty. Not thread-safe.
 */
#include "base/buf.h"
#include "base/str.h"

/* No index: the dictionary is full, or there is no memory. */
#define DICTIONARY_NONE UINT32_MAX

struct dictionary {
	struct buf plain; /* the values */
	struct buf at;	  /* uint32_t: where each begins in plain */
	uint32_t *slots;  /* index + 1, by hash; 0 for none */
	unsigned order;	  /* 1 << order slots */
	uint32_t count;
	uint32_t last; /* index that was returned last: most columns repeat */
};

void dictionary_reset(struct dictionary *d);
void dictionary_free(struct dictionary *d);

/*
 * Return the index of a string (PLAIN: four bytes of length before it) or of a number of `size` bytes,
 * adding it when the dictionary has fewer than `most` values.
 */
uint32_t dictionary_string(struct dictionary *d, struct str s, uint32_t most);
uint32_t dictionary_number(struct dictionary *d, const void *number, uint32_t size, uint32_t most);

/* The value of an index: the string itself, or the bytes of the number. */
struct str dictionary_value(const struct dictionary *d, uint32_t index, uint32_t size);

#endif
