/* SPDX-License-Identifier: MIT */
#include "tally/sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ROWS_FIRST 8

_Static_assert(SUMS_MAX < UINT16_MAX, "slots hold numbers of rows");

/* FNV-1a */
static uint64_t hash_of(const uint8_t *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

/* The slot where the key is or belongs. */
static uint16_t *slot_of(const struct sums *s, const uint8_t *key, size_t len)
{
	size_t i = hash_of(key, len) & (s->slot_count - 1);

	for (; s->slots[i]; i = (i + 1) & (s->slot_count - 1)) {
		const struct sum *row = &s->rows[s->slots[i]];
		if (row->key_len == len && memcmp(sum_key(s, row), key, len) == 0)
			break;
	}
	return &s->slots[i];
}

/* Twice the rows, in a hash table that is at most half full. */
static bool grow(struct sums *s)
{
	size_t capacity = s->capacity ? s->capacity * 2 : ROWS_FIRST;
	struct sum *rows = reallocarray(s->rows, capacity, sizeof(*rows));
	uint16_t *slots = calloc(capacity * 2, sizeof(*slots));

	if (rows)
		s->rows = rows;
	if (!rows || !slots) {
		free(slots);
		return false;
	}
	free(s->slots);
	s->slots = slots;
	s->slot_count = capacity * 2;
	s->capacity = capacity;
	for (size_t i = 1; i < s->count; i++)
		*slot_of(s, sum_key(s, &rows[i]), rows[i].key_len) = (uint16_t)i;
	return true;
}

struct sum *sums_other(struct sums *s)
{
	if (s->count == 0) {
		if (s->capacity == 0 && !grow(s))
			return NULL;
		s->rows[s->count++] = (struct sum){0};
	}
	return &s->rows[0];
}

struct sum *sums_row(struct sums *s, const uint8_t *key, size_t len)
{
	if (!sums_other(s))
		return NULL;
	uint16_t *slot = slot_of(s, key, len);
	if (*slot)
		return &s->rows[*slot];
	size_t at = s->keys.len;
	if (s->count == SUMS_MAX || (s->count == s->capacity && !grow(s)))
		return &s->rows[0];
	buf_append(&s->keys, key, len);
	if (!buf_ok(&s->keys)) {
		s->keys.failed = false;
		return &s->rows[0];
	}
	struct sum *row = &s->rows[s->count];
	*row = (struct sum){.key_at = at, .key_len = (uint32_t)len};
	*slot_of(s, key, len) = (uint16_t)s->count++;
	return row;
}

size_t sums_find(const struct sums *s, const uint8_t *key, size_t len)
{
	return s->count > 0 ? *slot_of(s, key, len) : 0;
}

void sums_reset(struct sums *s)
{
	if (s->count > 0)
		memset(s->slots, 0, s->slot_count * sizeof(*s->slots));
	s->count = 0;
	buf_reset(&s->keys);
}

void sums_free(struct sums *s)
{
	free(s->rows);
	free(s->slots);
	buf_free(&s->keys);
	*s = (struct sums){0};
}

static void add_all(uint64_t *to, const uint64_t *more, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] += more[i];
}

static void histogram_add(struct tally_histogram *h, const struct tally_histogram *more)
{
	add_all(h->buckets, more->buckets, ARRAY_SIZE(h->buckets));
	h->count += more->count;
	h->sum_us += more->sum_us;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void figures_add(struct tally_figures *f, const struct tally_figures *more)
{
#define ADD_STATES(member)	  add_all(f->member, more->member, ARRAY_SIZE(f->member));
#define ADD_SUM(member)		  f->member += more->member;
#define ADD_MOST(member)	  f->member = larger(f->member, more->member);
#define ADD_COUNT(member)	  f->member += more->member;
#define ADD_HISTOGRAM(member)	  histogram_add(&f->member, &more->member);
#define FIGURE(KIND, member, ...) ADD_##KIND(member)
#include "tally/figures.def"
#undef FIGURE
}

void figures_keep_gauges(struct tally_figures *f)
{
#define KEEP_STATES(member)
#define KEEP_SUM(member)
#define KEEP_MOST(member)
#define KEEP_COUNT(member)	  f->member = 0;
#define KEEP_HISTOGRAM(member)	  f->member = (struct tally_histogram){0};
#define FIGURE(KIND, member, ...) KEEP_##KIND(member)
#include "tally/figures.def"
#undef FIGURE
}

uint64_t figures_sockets(const struct tally_figures *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TALLY_STATES; i++)
		sum += f->sockets[i];
	return sum;
}
