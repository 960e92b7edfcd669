/* SPDX-License-Identifier: MIT */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Fibonacci hashing: spread a key, neighbours too, over a table of 1 << order slots; order is 1 to 64. */
static inline uint64_t hash_slot(uint64_t key, unsigned order)
{
	return (key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - order);
}

/* Mix bytes into 64 bits: for tables and comparisons within this process; neither its value nor its order lasts. */
static inline uint64_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = len, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, p, len);
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

#endif
