/* SPDX-License-Identifier: MIT */
/* Reader of msgpack: a map of names to numbers, texts and bytes per record (the specification: msgpack.org). */
#include <string.h>

#include "record/field.h"
#include "record/read.h"
#include "record/value.h"

enum kind { NUMBER, BYTES, OTHER };

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* something that no record has */
};

/* Read a big-endian number of `size` bytes. Return false where the input ends. */
static bool number(struct cursor *c, size_t size, uint64_t *n)
{
	if ((size_t)(c->end - c->p) < size)
		return false;
	*n = 0;
	while (size--)
		*n = *n << 8 | *c->p++;
	return true;
}

static bool bytes(struct cursor *c, uint64_t len, struct str *s)
{
	if (len > READ_RECORD_MAX)
		c->bad = true;
	if (c->bad || (uint64_t)(c->end - c->p) < len)
		return false;
	*s = (struct str){(const char *)c->p, (uint32_t)len};
	c->p += len;
	return true;
}

/* One value. Return false where the input ends or is bad. */
static bool value(struct cursor *c, enum kind *kind, uint64_t *n, struct str *s)
{
	uint64_t first;

	if (!number(c, 1, &first))
		return false;
	*kind = NUMBER;
	if (first < 0x80) {
		*n = first;
		return true;
	}
	if (first >= 0xcc && first <= 0xcf)
		return number(c, (size_t)1 << (first - 0xcc), n);
	if (first == 0xd3)
		return number(c, 8, n);
	*kind = BYTES;
	if (first >= 0xa0 && first <= 0xbf)
		return bytes(c, first & 0x1f, s);
	if (first >= 0xd9 && first <= 0xdb)
		return number(c, (size_t)1 << (first - 0xd9), n) && bytes(c, *n, s);
	if (first >= 0xc4 && first <= 0xc6)
		return number(c, (size_t)1 << (first - 0xc4), n) && bytes(c, *n, s);
	*kind = OTHER;
	c->bad = first != 0xc0 && first != 0xc2 && first != 0xc3; /* nil, false, true */
	return !c->bad;
}

static bool member(struct cursor *c, struct record *r)
{
	struct str name = {0}, s = {0};
	enum kind kind;
	uint64_t n = 0;

	if (!value(c, &kind, &n, &name))
		return false;
	c->bad = kind != BYTES;
	if (c->bad || !value(c, &kind, &n, &s))
		return false;
	const struct record_field *f = record_field_find(name.p, name.len);
	if (f && kind != OTHER)
		c->bad = !(kind == NUMBER ? value_set_number(r, f, n) : value_set_bytes(r, f, s));
	return !c->bad;
}

enum read_result read_msgpack(struct record_reader *reader, struct str data, bool end, size_t *used,
			      struct record *r)
{
	struct cursor c = {(const uint8_t *)data.p, (const uint8_t *)data.p + data.len, false};
	uint64_t first, count;

	if (!number(&c, 1, &first))
		return READ_MORE;
	count = first & 0x0f;
	if ((first & 0xf0) != 0x80 && first != 0xde && first != 0xdf)
		return READ_BAD;
	if ((first & 0xf0) != 0x80 && !number(&c, first == 0xde ? 2 : 4, &count))
		return READ_MORE;
	memset(r, 0, sizeof(*r));
	for (uint64_t i = 0; i < count; i++)
		if (!member(&c, r))
			return c.bad ? READ_BAD : READ_MORE;
	value_settle(r);
	*used = (size_t)(c.p - (const uint8_t *)data.p);
	return READ_RECORD;
}
