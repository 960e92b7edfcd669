/* SPDX-License-Identifier: MIT */
#include "look/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "record/encoder.h"
#include "record/still.h"
#include "record/wire_decode.h"

/* Slots of a run's first table, 1 << FIRST_ORDER. */
#define FIRST_ORDER 8

/* A socket as it was last sent. */
struct kept {
	uint64_t cookie, poll;
	int64_t time_ns;
	uint32_t sections; /* the wire does not tell a zero from an absent field */
	uint32_t len;
	char wire[];
};

struct run {
	struct run *next;
	uint64_t id;
	char *hostname;
	uint64_t full_poll;  /* that the sockets are of, and of those after it */
	bool whole;	     /* every record since then came */
	struct kept **slots; /* 1 << order; NULL is free */
	unsigned order;
	size_t count;
};

struct snapshot {
	void (*take)(void *data, const struct record *record);
	void *data;
	struct run *runs;
	struct buf wire;
	uint64_t early;
	bool no_memory;
};

struct snapshot *snapshot_new(void (*take)(void *data, const struct record *record), void *data)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s) {
		s->take = take;
		s->data = data;
	}
	return s;
}

static void forget_all(struct run *run)
{
	for (size_t i = 0; run->slots && i < (size_t)1 << run->order; i++)
		free(run->slots[i]);
	free(run->slots);
	run->slots = NULL;
	run->count = 0;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	for (struct run *run = s->runs, *next; run; run = next) {
		next = run->next;
		forget_all(run);
		free(run->hostname);
		free(run);
	}
	buf_free(&s->wire);
	free(s);
}

uint64_t snapshot_early(const struct snapshot *s)
{
	return s->early;
}

static struct run *run_of(struct snapshot *s, const struct record *r)
{
	struct run **at = &s->runs, *run;

	for (; (run = *at); at = &run->next) {
		if (run->id == r->run_id && strlen(run->hostname) == r->hostname.len &&
		    memcmp(run->hostname, r->hostname.p, r->hostname.len) == 0)
			return run;
	}
	run = calloc(1, sizeof(*run));
	if (!run || !(run->hostname = strndup(r->hostname.len ? r->hostname.p : "", r->hostname.len))) {
		free(run);
		return NULL;
	}
	run->id = r->run_id;
	return *at = run;
}

/* The socket's slot, or the free one where it belongs. */
static struct kept **find(const struct run *run, uint64_t cookie)
{
	size_t mask = ((size_t)1 << run->order) - 1, i = (size_t)hash_slot(cookie, 32) & mask;

	while (run->slots[i] && run->slots[i]->cookie != cookie)
		i = (i + 1) & mask;
	return &run->slots[i];
}

static bool grow(struct run *run)
{
	struct run made = {.order = run->slots ? run->order + 1 : FIRST_ORDER};

	if (run->slots && 2 * (run->count + 1) <= (size_t)1 << run->order)
		return true;
	made.slots = calloc((size_t)1 << made.order, sizeof(*made.slots));
	if (!made.slots)
		return false;
	for (size_t i = 0; run->slots && i < (size_t)1 << run->order; i++) {
		if (run->slots[i])
			*find(&made, run->slots[i]->cookie) = run->slots[i];
	}
	free(run->slots);
	run->slots = made.slots;
	run->order = made.order;
	return true;
}

static void keep(struct snapshot *s, struct run *run, const struct record *r)
{
	uint64_t cookie = r->inet_diag_msg_socket_cookie;

	if (!cookie)
		return;
	buf_reset(&s->wire);
	wire_encode(&s->wire, r);
	struct kept *k = buf_ok(&s->wire) ? malloc(sizeof(*k) + s->wire.len) : NULL;
	if (!k || !grow(run)) {
		free(k);
		s->no_memory = true;
		return;
	}
	*k = (struct kept){cookie, r->poll, r->timestamp_ns, r->sections, (uint32_t)s->wire.len};
	memcpy(k->wire, s->wire.data, s->wire.len);
	struct kept **slot = find(run, cookie);
	run->count += !*slot;
	free(*slot);
	*slot = k;
}

/* Free the slot and close the gap behind it, so that every search still ends where it has to. */
static void forget(struct run *run, uint64_t cookie)
{
	size_t mask = ((size_t)1 << run->order) - 1;
	struct kept **slot = run->slots ? find(run, cookie) : NULL;

	if (!slot || !*slot)
		return;
	free(*slot);
	*slot = NULL;
	run->count--;
	for (size_t i = (size_t)(slot - run->slots + 1) & mask; run->slots[i]; i = (i + 1) & mask) {
		struct kept *moved = run->slots[i];
		run->slots[i] = NULL;
		*find(run, moved->cookie) = moved;
	}
}

/* Give out the sockets that the poll has left out. */
static void fill_up(struct snapshot *s, const struct run *run, const struct record *end)
{
	for (size_t i = 0; run->slots && i < (size_t)1 << run->order; i++) {
		const struct kept *k = run->slots[i];
		struct record r;
		if (!k || k->poll == end->poll || wire_decode(&r, (struct str){k->wire, k->len}) < 0)
			continue;
		r.sections = k->sections;
		record_pass_time(&r, (end->timestamp_ns - k->time_ns) / NS_PER_MS);
		r.timestamp_ns = end->timestamp_ns;
		r.poll = end->poll;
		r.record_counter = 0;
		r.since_full = 0;
		s->take(s->data, &r);
	}
}

static bool end_poll(struct snapshot *s, struct run *run, const struct record *end, char *error, size_t size)
{
	if (end->since_full)
		fill_up(s, run, end);
	if (run->count == end->poll_sockets && !s->no_memory)
		return true;
	snprintf(
	    error, size,
	    "%.*s, run %llu, poll %llu: %zu of %llu sockets are known%s; polls are whole again from the next full one",
	    (int)end->hostname.len, end->hostname.len ? end->hostname.p : "", (unsigned long long)end->run_id,
	    (unsigned long long)end->poll, run->count, (unsigned long long)end->poll_sockets,
	    s->no_memory ? ", for want of memory" : ": records were lost");
	s->no_memory = false;
	return false;
}

bool snapshot_record(struct snapshot *s, struct record *r, char *error, size_t size)
{
	bool in_poll = r->run_id && r->poll && r->event != RECORD_EVENT_CLOSED;
	struct run *run = in_poll ? run_of(s, r) : NULL;
	uint64_t full_poll = r->poll - r->since_full;

	if (!run) {
		s->take(s->data, r);
		return true;
	}
	if (run->full_poll != full_poll) {
		forget_all(run);
		run->full_poll = full_poll;
		run->whole = r->since_full == 0;
	}
	if (!run->whole) {
		s->early++;
		return true;
	}
	switch (r->event) {
	case RECORD_EVENT_GONE:
		forget(run, r->inet_diag_msg_socket_cookie);
		return true;
	case RECORD_EVENT_POLL_END:
		return end_poll(s, run, r, error, size);
	default:
		keep(s, run, r);
		/* Every poll is a full one now. */
		r->since_full = 0;
		s->take(s->data, r);
		return true;
	}
}
