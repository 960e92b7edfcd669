/* SPDX-License-Identifier: MIT */
#include "source/bpf/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "enrich/enrichment.h"

/* The first size; it doubles when it is half full. */
#define NAMES_MIN 64

static struct name *slot_of(struct name *slots, size_t size, uint64_t cookie)
{
	size_t i = hash_slot(cookie, 32);

	while (slots[i & (size - 1)].cookie && slots[i & (size - 1)].cookie != cookie)
		i++;
	return &slots[i & (size - 1)];
}

static int grow(struct names *n)
{
	size_t size = n->size ? 2 * n->size : NAMES_MIN;
	struct name *slots = aligned_alloc(sizeof(*slots), size * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots, 0, size * sizeof(*slots));
	for (size_t i = 0; i < n->size; i++) {
		if (n->slots[i].cookie)
			*slot_of(slots, size, n->slots[i].cookie) = n->slots[i];
	}
	free(n->slots);
	n->slots = slots;
	n->size = size;
	return 0;
}

int names_reset(struct names *n)
{
	n->used = 0;
	if (!n->slots)
		return grow(n);
	memset(n->slots, 0, n->size * sizeof(*n->slots));
	return 0;
}

void names_free(struct names *n)
{
	free(n->slots);
	*n = (struct names){0};
}

static struct netns *find(struct netns_table *table, uint64_t cookie, uint32_t inode)
{
	struct netns *ns = netns_table_find_by_inode(table, inode);

	if (!ns || ns->cookie == cookie)
		return ns;
	if (ns->cookie && ns->state != NETNS_SEEN)
		return NULL;
	ns->cookie = cookie;
	return ns;
}

struct name *names_find(struct names *n, struct netns_table *table, uint64_t cookie, uint32_t inode)
{
	struct name *slot = slot_of(n->slots, n->size, cookie);

	if (slot->cookie)
		return slot;
	if (2 * (n->used + 1) > n->size) {
		if (grow(n) < 0)
			return NULL;
		slot = slot_of(n->slots, n->size, cookie);
	}
	*slot = (struct name){.cookie = cookie, .inode = inode, .ns = find(table, cookie, inode)};
	if (slot->ns) {
		slot->netns = str_of(slot->ns->name);
		slot->container = enrichment_container(slot->ns);
		slot->nsid = slot->ns->nsid > 0 ? (uint32_t)slot->ns->nsid : 0;
	}
	n->used++;
	return slot;
}

void names_expect(const struct names *n, uint64_t cookie)
{
	__builtin_prefetch(&n->slots[hash_slot(cookie, 32) & (n->size - 1)]);
}
