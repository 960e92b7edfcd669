/* SPDX-License-Identifier: MIT */
#include "poll/changes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/log.h"
#include "record/still.h"

/* Parts of the memory, 1 << PART_ORDER: some for each of at most 64 workers. */
#define PART_ORDER  6
#define PARTS	    (1 << PART_ORDER)
/* Slots of a part's first table, 1 << FIRST_ORDER. */
#define FIRST_ORDER 4

struct known {
	uint64_t cookie; /* 0: the slot is free */
	uint64_t fingerprint;
	uint64_t netns_inode;
	uint64_t poll; /* that met the socket last */
};

struct part {
	pthread_mutex_t lock;
	struct known *slots; /* 1 << order, at most half of them in use; NULL at first */
	unsigned order;
	size_t count;
} __attribute__((aligned(64)));

struct changes {
	struct part parts[PARTS];
	size_t most; /* sockets of a part */
	int64_t full_every_ns, full_ns;
	uint64_t poll, since_full, lost;
	bool begun;
	bool full; /* the memory has no room, so the next poll is a full one; written under any part's lock */
};

struct changes *changes_new(uint64_t sockets, int64_t full_every_ns)
{
	struct changes *c = aligned_alloc(64, sizeof(*c));

	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	/* Cookies spread evenly, but not quite. */
	c->most = sockets / PARTS + sockets / PARTS / 8 + 1;
	c->full_every_ns = full_every_ns;
	for (size_t i = 0; i < PARTS; i++)
		pthread_mutex_init(&c->parts[i].lock, NULL);
	return c;
}

void changes_free(struct changes *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < PARTS; i++) {
		free(c->parts[i].slots);
		pthread_mutex_destroy(&c->parts[i].lock);
	}
	free(c);
}

static struct part *part_of(struct changes *c, uint64_t cookie)
{
	return &c->parts[hash_slot(cookie, PART_ORDER)];
}

/* The socket's slot, or the free one where it belongs. The table has a free slot. */
static struct known *find(const struct part *p, uint64_t cookie)
{
	/* Other bits than those that chose the part. */
	size_t mask = ((size_t)1 << p->order) - 1, i = (size_t)(hash_slot(cookie, 32 + PART_ORDER)) & mask;

	while (p->slots[i].cookie && p->slots[i].cookie != cookie)
		i = (i + 1) & mask;
	return &p->slots[i];
}

/* Put what `keep` takes of the old table into a new one of this order. Return false without memory. */
static bool rebuild(struct part *p, unsigned order, bool (*keep)(const struct known *k, void *data),
		    void *data)
{
	struct part made = {.order = order, .slots = calloc((size_t)1 << order, sizeof(struct known))};

	if (!made.slots)
		return false;
	for (size_t i = 0; p->slots && i < (size_t)1 << p->order; i++) {
		const struct known *k = &p->slots[i];
		if (!k->cookie || (keep && !keep(k, data)))
			continue;
		*find(&made, k->cookie) = *k;
		made.count++;
	}
	free(p->slots);
	p->slots = made.slots;
	p->order = order;
	p->count = made.count;
	return true;
}

/* Make room for one more. */
static bool make_room(struct changes *c, struct part *p)
{
	if (p->count >= c->most)
		return false;
	if (p->slots && 2 * (p->count + 1) <= (size_t)1 << p->order)
		return true;
	return rebuild(p, p->slots ? p->order + 1 : FIRST_ORDER, NULL, NULL);
}

static void forget_all(struct changes *c)
{
	for (size_t i = 0; i < PARTS; i++) {
		struct part *p = &c->parts[i];
		if (p->slots)
			memset(p->slots, 0, sizeof(*p->slots) << p->order);
		p->count = 0;
	}
}

uint64_t changes_begin(struct changes *c, int64_t now_ns, uint64_t lost)
{
	static struct log_limit limit;
	uint64_t suppressed;

	if (c->full && log_limit_pass(&limit, INT64_C(3600000000000), &suppressed))
		log_warn("poll", "-changed: more sockets than -changedSockets, so polls are full ones");
	bool full = !c->begun || c->full || lost != c->lost || now_ns - c->full_ns >= c->full_every_ns;
	c->poll++;
	c->since_full++;
	if (full) {
		forget_all(c);
		c->since_full = 0;
		c->full_ns = now_ns;
	}
	c->begun = true;
	c->full = false;
	c->lost = lost;
	return c->since_full;
}

bool changes_take(struct changes *c, struct record *r, struct buf *room)
{
	uint64_t cookie = r->inet_diag_msg_socket_cookie;
	struct part *p = part_of(c, cookie);
	bool send = true;

	if (!cookie)
		return true;
	uint64_t fingerprint = record_fingerprint(r, room);
	pthread_mutex_lock(&p->lock);
	struct known *k = p->slots ? find(p, cookie) : NULL;
	if (k && k->cookie) {
		send = k->fingerprint != fingerprint || !fingerprint;
	} else if (make_room(c, p)) {
		k = find(p, cookie);
		p->count++;
	} else {
		k = NULL;
		__atomic_store_n(&c->full, true, __ATOMIC_RELAXED);
	}
	if (k)
		*k = (struct known){cookie, fingerprint, r->netns_inode, c->poll};
	pthread_mutex_unlock(&p->lock);
	return send;
}

/* Free the slot and close the gap behind it, so that every search still ends where it has to. */
static void forget(struct part *p, struct known *slot)
{
	size_t mask = ((size_t)1 << p->order) - 1;

	*slot = (struct known){0};
	p->count--;
	for (size_t i = (size_t)(slot - p->slots + 1) & mask; p->slots[i].cookie; i = (i + 1) & mask) {
		struct known moved = p->slots[i];
		p->slots[i] = (struct known){0};
		*find(p, moved.cookie) = moved;
	}
}

void changes_forget(struct changes *c, uint64_t cookie)
{
	struct part *p = part_of(c, cookie);

	if (!cookie)
		return;
	pthread_mutex_lock(&p->lock);
	struct known *k = p->slots ? find(p, cookie) : NULL;
	if (k && k->cookie)
		forget(p, k);
	pthread_mutex_unlock(&p->lock);
}

struct end {
	uint64_t poll;
	bool (*unread)(void *data, uint64_t netns_inode);
	void *data;
};

static bool stays(const struct known *k, void *end)
{
	const struct end *e = end;

	return k->poll == e->poll || e->unread(e->data, k->netns_inode);
}

uint64_t changes_end(struct changes *c, bool (*unread)(void *data, uint64_t netns_inode),
		     void (*gone)(void *data, uint64_t cookie), void *data)
{
	struct end end = {c->poll, unread, data};
	uint64_t count = 0;

	for (size_t i = 0; i < PARTS; i++) {
		struct part *p = &c->parts[i];
		size_t left = 0;
		for (size_t j = 0; p->slots && j < (size_t)1 << p->order; j++) {
			const struct known *k = &p->slots[j];
			if (k->cookie && !stays(k, &end)) {
				gone(data, k->cookie);
				left++;
			}
		}
		count += p->count - left;
		/* What stays here without memory would be told as gone once more. */
		if (left && !rebuild(p, p->order, stays, &end))
			c->full = true;
	}
	return count;
}
