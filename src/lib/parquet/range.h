/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_RANGE_H
#define PARQUET_RANGE_H
/*
 * The smallest and the largest value of a page or a column chunk, by which readers
 * skip what cannot match.
 */
#include "base/buf.h"
#include "base/str.h"
#include "parquet/thrift.h"

enum column_type { COLUMN_INT32, COLUMN_INT64, COLUMN_BYTES };

struct range {
	uint32_t values, nulls;
	uint64_t low, high;  /* numbers; signed ones with the top bit flipped, which orders them */
	struct str min, max; /* bytes, borrowed from the column */
};

static inline void range_number(struct range *r, uint64_t v)
{
	if (r->values++ == 0)
		r->low = r->high = v;
	else if (v < r->low)
		r->low = v;
	else if (v > r->high)
		r->high = v;
}

void range_bytes(struct range *r, struct str s);
/* Widen r by another range. */
void range_add(struct range *r, const struct range *more, enum column_type type);

/* The bounds in PLAIN without a length, at most 64 bytes: a longer minimum is cut, a longer maximum is cut and
 * rounded up. exact says whether it is a value. false: there is no bound above, and no statistics. */
struct bound {
	uint8_t bytes[64];
	uint32_t len;
	bool exact;
};
struct str bound_str(const struct bound *b);
bool range_bounds(const struct range *r, enum column_type type, bool is_signed, bool text, struct bound *min,
		  struct bound *max);

#endif
