/* SPDX-License-Identifier: MIT */
#include "api/recent_sockets.h"

#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "record/format.h"
#include "record/wire_decode.h"
#include "view/column.h"

/* Slots of the table of counters at first: a power of two. */
#define SLOTS_ORDER_FIRST 10
/* A record is some 700 bytes; a longer one than this is not shown. */
#define WIRE_BYTES_MAX	  4096

/* A free slot has no cookie. */
struct slot {
	uint64_t cookie;
	uint32_t poll;
	struct view_counts counts;
};

struct ranked {
	double value;
	double rates[VIEW_RATE_MAX_];
	struct buf wire;
};

enum order { ORDER_SEND, ORDER_RECV, ORDER_RETRANS, ORDER_RTT, ORDER_SENDQ, ORDER_MAX_ };

/* The names are those of columns. */
static const char *const orders[] = {
    [ORDER_SEND] = "send_rate", [ORDER_RECV] = "recv_rate", [ORDER_RETRANS] = "retrans_rate",
    [ORDER_RTT] = "rtt",	[ORDER_SENDQ] = "sendq",
};
static_assert(ARRAY_SIZE(orders) == ORDER_MAX_, "a column for each order");

static const char *const column_names[] = {
    "state", "owner",	     "netns",	"container",   "local", "remote", "send_rate", "recv_rate",
    "rtt",   "retrans_rate", "retrans", "retrans_pct", "sendq", "recvq",  "cwnd",      "cc",
};
#define COLUMNS ARRAY_SIZE(column_names)

struct ranking {
	struct ranked list[RECENT_TOP];
	size_t count;
};

/* What is known of one poll. */
struct poll_sockets {
	struct ranking rankings[ORDER_MAX_];
	uint64_t sockets, hidden, unrated;
};

struct recent_sockets {
	uint16_t own_port;
	struct slot *slots;
	unsigned slots_order;
	size_t used;
	uint32_t poll;
	struct view_column columns[COLUMNS], by[ORDER_MAX_];
	struct poll_sockets polls[2];
	struct poll_sockets *now, *last;
};

/* Counters */

static struct slot *slot_of(const struct recent_sockets *s, uint64_t cookie)
{
	size_t mask = ((size_t)1 << s->slots_order) - 1;
	size_t i = hash_slot(cookie, s->slots_order);

	while (s->slots[i].cookie && s->slots[i].cookie != cookie)
		i = (i + 1) & mask;
	return &s->slots[i];
}

/* Leave out the sockets that the last poll did not bring, and make room for as many again. false where there is none. */
static bool rebuild(struct recent_sockets *s)
{
	struct recent_sockets old = *s;
	size_t live = 0, count = old.slots ? (size_t)1 << old.slots_order : 0;
	unsigned order = SLOTS_ORDER_FIRST;

	for (size_t i = 0; i < count; i++)
		live += old.slots[i].cookie && s->poll - old.slots[i].poll <= 1;
	if (live >= RECENT_SOCKETS_MAX)
		return false;
	while ((size_t)1 << order < live * 4 && (size_t)1 << order < (size_t)RECENT_SOCKETS_MAX * 2)
		order++;
	struct slot *slots = calloc((size_t)1 << order, sizeof(*slots));
	if (!slots)
		return false;
	s->slots = slots;
	s->slots_order = order;
	s->used = 0;
	for (size_t i = 0; i < count; i++) {
		if (!old.slots[i].cookie || s->poll - old.slots[i].poll > 1)
			continue;
		*slot_of(s, old.slots[i].cookie) = old.slots[i];
		s->used++;
	}
	free(old.slots);
	return true;
}

/* Return the socket's slot, NULL where there is no room. */
static struct slot *slot_take(struct recent_sockets *s, uint64_t cookie)
{
	struct slot *slot = slot_of(s, cookie);

	if (slot->cookie)
		return slot;
	if (s->used * 2 >= (size_t)1 << s->slots_order) {
		/* A table that is full of living sockets is walked once per poll, not once per socket. */
		if (s->now->unrated || !rebuild(s))
			return NULL;
		slot = slot_of(s, cookie);
	}
	s->used++;
	*slot = (struct slot){.cookie = cookie};
	return slot;
}

/* Rankings */

/* The place that a socket with this value gets, NULL when all have more. */
static struct ranked *place_for(struct ranking *r, double value)
{
	struct ranked *least = &r->list[0];

	if (r->count < RECENT_TOP)
		return &r->list[r->count++];
	for (size_t i = 1; i < RECENT_TOP; i++) {
		if (r->list[i].value < least->value)
			least = &r->list[i];
	}
	return least->value < value ? least : NULL;
}

static void rank(struct ranking *ranking, double value, struct str wire, const double *rates)
{
	struct ranked *place = place_for(ranking, value);

	if (!place)
		return;
	place->value = value;
	memcpy(place->rates, rates, sizeof(place->rates));
	buf_reset(&place->wire);
	buf_append(&place->wire, wire.p, wire.len);
}

/* 127.0.0.0/8 or ::1, as bytes. */
static bool is_loopback(struct str address)
{
	static const char six[16] = {[15] = 1};

	return (address.len == 4 && address.p[0] == IN_LOOPBACKNET) ||
	       (address.len == sizeof(six) && memcmp(address.p, six, sizeof(six)) == 0);
}

/* Listeners, what only the kernel still holds, and who looks are not what a reader of the page looks for. */
static bool is_hidden(const struct recent_sockets *s, const struct record *r)
{
	uint32_t state = r->inet_diag_msg_state;

	if (state == TCP_LISTEN || state == TCP_CLOSE || state == TCP_TIME_WAIT)
		return true;
	return s->own_port &&
	       (r->inet_diag_msg_socket_source_port == s->own_port ||
		r->inet_diag_msg_socket_destination_port == s->own_port) &&
	       is_loopback(r->inet_diag_msg_socket_source) &&
	       is_loopback(r->inet_diag_msg_socket_destination);
}

void recent_sockets_take(struct recent_sockets *s, const struct record *r, struct str wire)
{
	struct slot *slot = slot_take(s, r->inet_diag_msg_socket_cookie);
	double rates[VIEW_RATE_MAX_] = {VIEW_NONE, VIEW_NONE, VIEW_NONE};

	s->now->sockets++;
	if (slot) {
		view_rates(&slot->counts, r, rates);
		slot->poll = s->poll;
	} else {
		s->now->unrated++;
	}
	if (is_hidden(s, r)) {
		s->now->hidden++;
		return;
	}
	for (size_t i = 0; i < ORDER_MAX_ && wire.len <= WIRE_BYTES_MAX; i++)
		rank(&s->now->rankings[i], view_value(&s->by[i], r, rates), wire, rates);
}

static int by_value(const void *a, const void *b)
{
	double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;

	return x < y ? 1 : x > y ? -1 : 0;
}

void recent_sockets_turn(struct recent_sockets *s)
{
	struct poll_sockets *done = s->now;

	for (size_t i = 0; i < ORDER_MAX_; i++)
		qsort(done->rankings[i].list, done->rankings[i].count, sizeof(done->rankings[i].list[0]),
		      by_value);
	s->now = s->last;
	s->last = done;
	for (size_t i = 0; i < ORDER_MAX_; i++)
		s->now->rankings[i].count = 0;
	s->now->sockets = s->now->hidden = s->now->unrated = 0;
	s->poll++;
}

/* JSON */

static void row_json(const struct recent_sockets *s, const struct ranked *row, struct buf *b)
{
	struct record r;

	if (wire_decode(&r, (struct str){(const char *)row->wire.data, (uint32_t)row->wire.len}) < 0)
		return;
	for (size_t i = 0; i < COLUMNS; i++) {
		buf_printf(b, "%s\"%s\":", i ? "," : "{", column_names[i]);
		view_json(b, &s->columns[i], &r, row->rates);
	}
	/* An exact number of 64 bits is a text in JavaScript. */
	buf_printf(b, ",\"cookie\":\"%" PRIu64 "\"}", r.inet_diag_msg_socket_cookie);
}

void recent_sockets_json(const struct recent_sockets *s, const char *order, struct buf *b)
{
	enum order by = ORDER_SEND;

	for (size_t i = 0; i < ORDER_MAX_; i++) {
		if (strcmp(orders[i], order) == 0)
			by = (enum order)i;
	}
	const struct ranking *ranking = &s->last->rankings[by];
	buf_printf(b,
		   "{\"count\":%" PRIu64 ",\"hidden\":%" PRIu64 ",\"unrated\":%" PRIu64
		   ",\"order\":\"%s\",\"rows\":[",
		   s->last->sockets, s->last->hidden, s->last->unrated, orders[by]);
	for (size_t i = 0; i < ranking->count; i++) {
		if (i)
			buf_byte(b, ',');
		row_json(s, &ranking->list[i], b);
	}
	buf_str(b, "]}");
}

/* Life */

struct recent_sockets *recent_sockets_new(uint16_t own_port)
{
	struct recent_sockets *s = calloc(1, sizeof(*s));

	if (!s || !rebuild(s)) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < COLUMNS; i++)
		view_column_find(&s->columns[i], column_names[i], strlen(column_names[i]));
	for (size_t i = 0; i < ORDER_MAX_; i++)
		view_column_find(&s->by[i], orders[i], strlen(orders[i]));
	s->own_port = own_port;
	s->poll = 1;
	s->now = &s->polls[0];
	s->last = &s->polls[1];
	return s;
}

void recent_sockets_free(struct recent_sockets *s)
{
	if (!s)
		return;
	for (size_t p = 0; p < ARRAY_SIZE(s->polls); p++) {
		for (size_t i = 0; i < ORDER_MAX_; i++) {
			for (size_t k = 0; k < RECENT_TOP; k++)
				buf_free(&s->polls[p].rankings[i].list[k].wire);
		}
	}
	free(s->slots);
	free(s);
}
