/* SPDX-License-Identifier: MIT */
#include "parquet/dictionary.h"

#include <endian.h>
#include <stdlib.h>

#include "base/hash.h"

/* The first table has this many bits of slots. */
#define ORDER_MIN 6
#define LENGTH	  sizeof(uint32_t)

void dictionary_reset(struct dictionary *d)
{
	buf_reset(&d->plain);
	buf_reset(&d->at);
	if (d->count)
		memset(d->slots, 0, sizeof(*d->slots) << d->order);
	d->count = 0;
	d->last = 0;
}

void dictionary_free(struct dictionary *d)
{
	buf_free(&d->plain);
	buf_free(&d->at);
	free(d->slots);
	*d = (struct dictionary){0};
}

static uint32_t at_of(const struct dictionary *d, uint32_t index)
{
	uint32_t at;

	memcpy(&at, d->at.data + index * sizeof(at), sizeof(at));
	return at;
}

/* size: of a number; 0 for strings. */
struct str dictionary_value(const struct dictionary *d, uint32_t index, uint32_t size)
{
	const char *p = (const char *)d->plain.data + at_of(d, index);
	struct str s = {p, size};

	if (size)
		return s;
	memcpy(&s.len, p, LENGTH);
	s.len = le32toh(s.len);
	s.p += LENGTH;
	return s;
}

static bool is_value(const struct dictionary *d, uint32_t index, struct str s, uint32_t size)
{
	struct str v = dictionary_value(d, index, size);

	return v.len == s.len && memcmp(v.p, s.p, s.len) == 0;
}

/* Double the table at half load. */
static bool make_room(struct dictionary *d, uint32_t size)
{
	if (d->slots && d->count < UINT32_C(1) << d->order >> 1)
		return true;
	unsigned order = d->slots ? d->order + 1 : ORDER_MIN;
	uint32_t *slots = calloc(UINT32_C(1) << order, sizeof(*slots));
	if (!slots)
		return false;
	uint32_t mask = (UINT32_C(1) << order) - 1;
	for (uint32_t i = 0; i < d->count; i++) {
		struct str v = dictionary_value(d, i, size);
		uint64_t slot = hash_slot(hash_bytes(v.p, v.len), order);
		while (slots[slot])
			slot = (slot + 1) & mask;
		slots[slot] = i + 1;
	}
	free(d->slots);
	d->slots = slots;
	d->order = order;
	return true;
}

static uint32_t add(struct dictionary *d, struct str s, uint32_t size, uint64_t slot)
{
	uint32_t at = (uint32_t)d->plain.len, len = htole32(s.len);

	buf_append(&d->at, &at, sizeof(at));
	if (!size)
		buf_append(&d->plain, &len, LENGTH);
	buf_append(&d->plain, s.p, s.len);
	if (!buf_ok(&d->at) || !buf_ok(&d->plain))
		return DICTIONARY_NONE;
	d->slots[slot] = ++d->count;
	return d->count - 1;
}

static uint32_t index_of(struct dictionary *d, struct str s, uint32_t size, uint32_t most)
{
	if (d->count && is_value(d, d->last, s, size))
		return d->last;
	if (!make_room(d, size))
		return DICTIONARY_NONE;
	uint32_t mask = (UINT32_C(1) << d->order) - 1;
	uint64_t slot = hash_slot(hash_bytes(s.p, s.len), d->order);
	for (; d->slots[slot]; slot = (slot + 1) & mask)
		if (is_value(d, d->slots[slot] - 1, s, size))
			return d->last = d->slots[slot] - 1;
	uint32_t index = d->count < most ? add(d, s, size, slot) : DICTIONARY_NONE;
	if (index != DICTIONARY_NONE)
		d->last = index;
	return index;
}

uint32_t dictionary_string(struct dictionary *d, struct str s, uint32_t most)
{
	return index_of(d, s, 0, most);
}

uint32_t dictionary_number(struct dictionary *d, const void *number, uint32_t size, uint32_t most)
{
	return index_of(d, (struct str){number, size}, size, most);
}
