/* SPDX-License-Identifier: MIT */
#include "source/cookie_set.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

/* The initial size: one page of slots, enough for a small namespace. */
#define COOKIE_SET_MIN_ORDER 8

/* The largest size: a gigabyte of slots; see cookie_set_add(). */
#define COOKIE_SET_MAX_ORDER 26

/* The set shrinks when the last use filled less than one slot in this many. */
#define COOKIE_SET_SPARSE 32

static size_t bytes_of(uint32_t order)
{
	return sizeof(struct cookie_block) << order;
}

static struct cookie_block *slots_new(uint32_t order)
{
	void *p = mmap(NULL, bytes_of(order), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Return the slot of the block, or the free slot where it belongs. */
static struct cookie_block *slot_of(const struct cookie_set *s, uint64_t base)
{
	size_t at = hash_slot(base, s->order);

	while (s->slots[at].bits && s->slots[at].base != base)
		at = (at + 1) & (((size_t)1 << s->order) - 1);
	return &s->slots[at];
}

static bool grow(struct cookie_set *s)
{
	struct cookie_set larger = {.order = s->order + 1, .used = s->used};

	if (larger.order > COOKIE_SET_MAX_ORDER)
		return false;
	larger.slots = slots_new(larger.order);
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < (size_t)1 << s->order; i++) {
		if (s->slots[i].bits)
			*slot_of(&larger, s->slots[i].base) = s->slots[i];
	}
	cookie_set_free(s);
	*s = larger;
	return true;
}

int cookie_set_reset(struct cookie_set *s)
{
	if (s->slots && s->order > COOKIE_SET_MIN_ORDER &&
	    s->used * COOKIE_SET_SPARSE < (size_t)1 << s->order)
		cookie_set_free(s);
	if (s->slots) {
		if (s->used)
			memset(s->slots, 0, bytes_of(s->order));
		s->used = 0;
		return 0;
	}
	s->order = COOKIE_SET_MIN_ORDER;
	s->used = 0;
	s->slots = slots_new(s->order);
	return s->slots ? 0 : -ENOMEM;
}

bool cookie_set_add(struct cookie_set *s, uint64_t cookie)
{
	uint64_t base = cookie / 64, bit = UINT64_C(1) << cookie % 64;
	struct cookie_block *slot = slot_of(s, base);

	if (cookie == 0)
		return true;
	if (slot->bits) {
		bool fresh = !(slot->bits & bit);
		slot->bits |= bit;
		return fresh;
	}
	/* At most three quarters full, so that a probe always ends. */
	if ((s->used + 1) * 4 > (size_t)3 << s->order) {
		if (!grow(s))
			return true;
		slot = slot_of(s, base);
	}
	*slot = (struct cookie_block){.base = base, .bits = bit};
	s->used++;
	return true;
}

bool cookie_set_has(const struct cookie_set *s, uint64_t cookie)
{
	return slot_of(s, cookie / 64)->bits >> cookie % 64 & 1;
}

void cookie_set_free(struct cookie_set *s)
{
	if (s->slots)
		munmap(s->slots, bytes_of(s->order));
	*s = (struct cookie_set){0};
}
