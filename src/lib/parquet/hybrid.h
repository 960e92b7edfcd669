/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_HYBRID_H
#define PARQUET_HYBRID_H
/*
 * The encoding RLE of Parquet, a mixture of runs and packed bits, for definition
 * levels and for indexes into a dictionary.
 */
#include "base/buf.h"

/* Return the number of bits that values up to `most` need; 0 for 0. */
unsigned hybrid_width(uint32_t most);

/* Append the values, each below 1 << width; width is 0 to 32. */
void hybrid_encode(struct buf *b, const uint32_t *values, size_t count, unsigned width);

#endif
