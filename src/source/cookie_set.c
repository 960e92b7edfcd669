/* SPDX-License-Identifier: MIT */
#include "source/cookie_set.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* One page of slots to begin with: enough for a small namespace. */
#define COOKIE_SET_MIN_BITS 9

/* Beyond this (a gigabyte of slots) it does not grow; see cookie_set_add(). */
#define COOKIE_SET_MAX_BITS 27

/* Shrinks when the last use filled less than one slot in this many. */
#define COOKIE_SET_SPARSE 32

static size_t bytes_of(uint32_t bits)
{
	return sizeof(uint64_t) << bits;
}

static uint64_t *slots_new(uint32_t bits)
{
	void *p = mmap(NULL, bytes_of(bits), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Cookies are handed out in runs: the multiplication spreads neighbours over the table. */
static uint64_t *slot_of(const struct cookie_set *s, uint64_t cookie)
{
	size_t at = (cookie * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - s->bits);

	while (s->slots[at] && s->slots[at] != cookie)
		at = (at + 1) & (((size_t)1 << s->bits) - 1);
	return &s->slots[at];
}

static bool grow(struct cookie_set *s)
{
	struct cookie_set larger = {.bits = s->bits + 1, .used = s->used};

	if (larger.bits > COOKIE_SET_MAX_BITS)
		return false;
	larger.slots = slots_new(larger.bits);
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < (size_t)1 << s->bits; i++) {
		if (s->slots[i])
			*slot_of(&larger, s->slots[i]) = s->slots[i];
	}
	cookie_set_free(s);
	*s = larger;
	return true;
}

int cookie_set_reset(struct cookie_set *s)
{
	if (s->slots && s->bits > COOKIE_SET_MIN_BITS && s->used * COOKIE_SET_SPARSE < (size_t)1 << s->bits)
		cookie_set_free(s);
	if (s->slots) {
		if (s->used)
			memset(s->slots, 0, bytes_of(s->bits));
		s->used = 0;
		return 0;
	}
	s->bits = COOKIE_SET_MIN_BITS;
	s->used = 0;
	s->slots = slots_new(s->bits);
	return s->slots ? 0 : -ENOMEM;
}

bool cookie_set_add(struct cookie_set *s, uint64_t cookie)
{
	if (cookie == 0)
		return true;
	uint64_t *slot = slot_of(s, cookie);
	if (*slot == cookie)
		return false;
	/* At most three quarters full, so that a probe always ends. */
	if ((s->used + 1) * 4 > (size_t)3 << s->bits) {
		if (!grow(s))
			return true;
		slot = slot_of(s, cookie);
	}
	*slot = cookie;
	s->used++;
	return true;
}

void cookie_set_free(struct cookie_set *s)
{
	if (s->slots)
		munmap(s->slots, bytes_of(s->bits));
	*s = (struct cookie_set){0};
}
