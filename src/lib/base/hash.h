/* SPDX-License-Identifier: MIT */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stdint.h>

/* Fibonacci hashing: spread a key, neighbours too, over a table of 1 << order slots; order is 1 to 64. */
static inline uint64_t hash_slot(uint64_t key, unsigned order)
{
	return (key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - order);
}

#endif
