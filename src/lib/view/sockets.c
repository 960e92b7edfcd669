/* SPDX-License-Identifier: MIT */
#include "view/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "record/wire_decode.h"

#define SLOTS_FIRST 1024    /* a power of two */
#define SOCKETS_MAX 1000000 /* further sockets are not kept; the line of totals says so */

/* Return the slot of the cookie, or the free one where it belongs; there always is one. */
static struct seen_socket *slot_of(const struct sockets_seen *t, uint64_t cookie)
{
	size_t mask = t->slot_count - 1;
	size_t i = hash_slot(cookie, 32) & mask;

	while (t->slots[i].cookie && t->slots[i].cookie != cookie)
		i = (i + 1) & mask;
	return &t->slots[i];
}

/* Return whether the socket is in the current generation or, while that is incomplete, the previous one. */
static bool is_live(const struct sockets_seen *t, const struct seen_socket *s)
{
	return s->cookie && t->generation - s->generation <= !t->complete;
}

/* Remove sockets that have ended and make room for more. 0 or -ENOMEM. */
static int rebuild(struct sockets_seen *t)
{
	size_t live = 0, count = SLOTS_FIRST;
	struct sockets_seen old = *t;

	for (size_t i = 0; i < old.slot_count; i++)
		live += is_live(t, &old.slots[i]);
	while (count < live * 4)
		count *= 2;
	struct seen_socket *slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	t->slots = slots;
	t->slot_count = count;
	t->used = live;
	for (size_t i = 0; i < old.slot_count; i++) {
		if (is_live(t, &old.slots[i]))
			*slot_of(t, old.slots[i].cookie) = old.slots[i];
		else
			free(old.slots[i].wire);
	}
	free(old.slots);
	return 0;
}

/* Copy the record's bytes into the socket's. Return false without memory. */
static bool keep(struct seen_socket *s, struct str wire)
{
	uint8_t *copy = wire.len <= s->wire_len && s->wire ? s->wire : realloc(s->wire, wire.len + 1);

	if (!copy)
		return false;
	s->wire = memcpy(copy, wire.p, wire.len);
	s->wire_len = wire.len;
	return true;
}

void sockets_take(struct sockets_seen *t, struct str wire)
{
	struct record r;

	if (wire_decode(&r, wire) < 0 || !r.inet_diag_msg_socket_cookie) {
		t->damaged++;
		return;
	}
	t->taken++;
	if (t->used * 2 >= t->slot_count && rebuild(t) < 0) {
		t->not_kept++;
		return;
	}
	struct seen_socket *s = slot_of(t, r.inet_diag_msg_socket_cookie);
	bool known = s->cookie != 0;
	if ((!known && t->used >= SOCKETS_MAX) || !keep(s, wire)) {
		t->not_kept++;
		return;
	}
	if (known && s->generation == t->generation)
		t->generation++;
	t->used += !known;
	s->cookie = r.inet_diag_msg_socket_cookie;
	view_rates(&s->last, &r, s->rate);
	s->generation = t->generation;
}

void sockets_begin(struct sockets_seen *t)
{
	t->generation++;
	t->complete = false;
}

void sockets_end(struct sockets_seen *t)
{
	t->complete = true;
}

const struct seen_socket *sockets_next(const struct sockets_seen *t, size_t *at, struct record *r)
{
	while (*at < t->slot_count) {
		const struct seen_socket *s = &t->slots[(*at)++];

		if (is_live(t, s) && wire_decode(r, (struct str){(const char *)s->wire, s->wire_len}) == 0)
			return s;
	}
	return NULL;
}

int sockets_seen_init(struct sockets_seen *t)
{
	*t = (struct sockets_seen){.generation = 1};
	return rebuild(t);
}

void sockets_seen_free(struct sockets_seen *t)
{
	for (size_t i = 0; i < t->slot_count; i++)
		free(t->slots[i].wire);
	free(t->slots);
	*t = (struct sockets_seen){0};
}
