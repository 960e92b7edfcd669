/* SPDX-License-Identifier: MIT */
#include "parquet/range.h"

#include <endian.h>

#define SIGN (UINT64_C(1) << 63)

static int compare(struct str a, struct str b)
{
	int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

void range_bytes(struct range *r, struct str s)
{
	if (r->values++ == 0)
		r->min = r->max = s;
	else if (s.p == r->min.p || s.p == r->max.p)
		return;
	else if (compare(s, r->min) < 0)
		r->min = s;
	else if (compare(s, r->max) > 0)
		r->max = s;
}

void range_add(struct range *r, const struct range *more, enum column_type type)
{
	struct range sum = *r;

	if (more->values > 0 && type == COLUMN_BYTES) {
		range_bytes(&sum, more->min);
		range_bytes(&sum, more->max);
	} else if (more->values > 0) {
		range_number(&sum, more->low);
		range_number(&sum, more->high);
	}
	sum.values = r->values + more->values;
	sum.nulls = r->nulls + more->nulls;
	*r = sum;
}

struct str bound_str(const struct bound *b)
{
	return (struct str){(const char *)b->bytes, b->len};
}

static struct bound of_number(uint64_t v, enum column_type type, bool is_signed)
{
	struct bound b = {.len = type == COLUMN_INT32 ? 4 : 8, .exact = true};
	uint64_t le = htole64(is_signed ? v ^ SIGN : v);

	memcpy(b.bytes, &le, b.len);
	return b;
}

/* The longest prefix that fits, without half of a character. */
static struct bound of_bytes(struct str s, bool text)
{
	struct bound b = {.len = s.len, .exact = s.len <= sizeof(b.bytes)};

	if (!b.exact) {
		b.len = sizeof(b.bytes);
		while (text && b.len > 0 && ((uint8_t)s.p[b.len] & 0xc0) == 0x80)
			b.len--;
	}
	if (b.len)
		memcpy(b.bytes, s.p, b.len);
	return b;
}

/* Make the prefix larger than all that begins with it. In text only a byte below 0x7f may grow. */
static bool round_up(struct bound *b, bool text)
{
	uint8_t most = text ? 0x7e : 0xfe;

	while (b->len > 0 && b->bytes[b->len - 1] > most)
		b->len--;
	if (b->len == 0)
		return false;
	b->bytes[b->len - 1]++;
	return true;
}

bool range_bounds(const struct range *r, enum column_type type, bool is_signed, bool text, struct bound *min,
		  struct bound *max)
{
	if (r->values == 0)
		return false;
	if (type != COLUMN_BYTES) {
		*min = of_number(r->low, type, is_signed);
		*max = of_number(r->high, type, is_signed);
		return true;
	}
	*min = of_bytes(r->min, text);
	*max = of_bytes(r->max, text);
	return max->exact || round_up(max, text);
}
