/* SPDX-License-Identifier: MIT */
/*
 * -changed and what makes its polls whole again, on made-up hosts: after every poll the rebuilt snapshot is the full one, taken of the
 * same records.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "look/snapshot.h"
#include "poll/changes.h"
#include "record/encoder.h"
#include "record/still.h"
#include "record_random.h"

#define SOCKETS_MAX    400
#define NAMESPACES     4
#define POLLS	       200
#define FULL_EVERY     10
#define POLL_NS	       (10 * NS_PER_SEC)
#define UNREAD_PERCENT 10

struct host {
	uint64_t random;
	struct record now[SOCKETS_MAX];	 /* as a full poll reads them; cookie 0: no socket */
	struct record seen[SOCKETS_MAX]; /* as the last poll that read its namespace has found it */
	char text[RANDOM_STRING_MAX];
	uint64_t cookies;
	bool unread[NAMESPACES];
	struct changes *changes;
	struct snapshot *snapshot;
	uint64_t poll, since_full, lost;
	unsigned sent, lose; /* lose: drop the Nth record of this poll; 0 for none */
	struct record rebuilt[2 * SOCKETS_MAX];
	unsigned rebuilt_count;
	struct buf room;
	bool whole; /* the last poll was rebuilt */
};

static unsigned chance(struct host *h, unsigned of)
{
	return next_random(&h->random) % of;
}

static void open_socket(struct host *h, struct record *r)
{
	random_record(r, h->text, &h->random);
	r->sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO);
	r->inet_diag_msg_socket_cookie = ++h->cookies;
	r->netns_inode = 1000 + chance(h, NAMESPACES);
	r->hostname = (struct str){"host", 4};
	r->run_id = 7;
	r->event = 0;
	r->poll_sockets = 0;
	r->tcp_info_state = r->inet_diag_msg_state = 1;
	r->inet_diag_msg_timer = chance(h, 2);
	r->inet_diag_msg_expires = UINT32_MAX;
	r->tcp_info_last_data_sent = r->tcp_info_last_data_recv = r->tcp_info_last_ack_recv = 5;
	r->tcp_info_last_ack_sent = 0;
	/* Fields that a wire decoder takes in without an attribute. */
	r->tcp_info_len = 232;
}

static void take(void *data, const struct record *r)
{
	struct host *h = data;

	assert_true(h->rebuilt_count <= 2 * SOCKETS_MAX - 1);
	h->rebuilt[h->rebuilt_count++] = *r;
}

/* A record on its way from the daemon to the reader. */
static void deliver(struct host *h, struct record *r)
{
	char error[256] = "";
	struct record copy = *r;

	if (++h->sent == h->lose) {
		h->lost++;
		return;
	}
	h->whole = snapshot_record(h->snapshot, &copy, error, sizeof(error));
	assert_true(h->whole == !*error);
}

static bool unread(void *data, uint64_t inode)
{
	return ((struct host *)data)->unread[inode - 1000];
}

static void gone(void *data, uint64_t cookie)
{
	struct host *h = data;
	struct record mark = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG),
			      .hostname = {"host", 4},
			      .run_id = 7,
			      .poll = h->poll,
			      .since_full = h->since_full,
			      .event = RECORD_EVENT_GONE,
			      .inet_diag_msg_socket_cookie = cookie};

	deliver(h, &mark);
}

static void live_a_little(struct host *h)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct record *r = &h->now[i];
		if (!r->inet_diag_msg_socket_cookie) {
			/* A slot is one socket's until the polls know that it is gone. */
			if (chance(h, 20) == 0 && !h->seen[i].inet_diag_msg_socket_cookie)
				open_socket(h, r);
			continue;
		}
		record_pass_time(r, POLL_NS / NS_PER_MS);
		if (chance(h, 30) == 0)
			*r = (struct record){0};
		else if (chance(h, 10) == 0)
			r->tcp_info_bytes_sent += 1 + chance(h, 1000);
	}
	for (size_t i = 0; i < NAMESPACES; i++)
		h->unread[i] = chance(h, 100) < UNREAD_PERCENT;
}

/* One poll. The sockets of a namespace that is not read stay what they were, if a poll since the full one has seen them. */
static void poll_once(struct host *h)
{
	h->poll++;
	h->sent = h->rebuilt_count = 0;
	h->since_full = changes_begin(h->changes, (int64_t)h->poll * POLL_NS, h->lost);
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct record *r = &h->now[i], *seen = &h->seen[i];
		uint64_t inode = r->inet_diag_msg_socket_cookie ? r->netns_inode : seen->netns_inode;
		bool was_seen = seen->inet_diag_msg_socket_cookie && h->since_full;
		if (!was_seen)
			*seen = (struct record){0};
		if (was_seen && h->unread[seen->netns_inode - 1000])
			record_pass_time(seen, POLL_NS / NS_PER_MS);
		else
			*seen = (struct record){0};
		if (!r->inet_diag_msg_socket_cookie || h->unread[inode - 1000])
			continue;
		r->timestamp_ns = (int64_t)h->poll * POLL_NS;
		r->record_counter = h->sent + 1;
		r->poll = h->poll;
		r->since_full = h->since_full;
		if (changes_take(h->changes, r, &h->room))
			deliver(h, r);
		*seen = *r;
	}
	uint64_t count = changes_end(h->changes, unread, gone, h);
	struct record end = {.sections = RECORD_HAS(META),
			     .hostname = {"host", 4},
			     .run_id = 7,
			     .timestamp_ns = (int64_t)h->poll * POLL_NS,
			     .poll = h->poll,
			     .since_full = h->since_full,
			     .event = RECORD_EVENT_POLL_END,
			     .poll_sockets = count};
	deliver(h, &end);
}

static int by_cookie(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->inet_diag_msg_socket_cookie < y->inet_diag_msg_socket_cookie ? -1 : 1;
}

/* Compare all fields, as jsonl, but those of the bookkeeping. */
static void assert_same_record(struct record a, struct record b)
{
	struct encoder jsonl;
	struct buf x = {0}, y = {0};
	char error[64];

	assert_int_equal(encoder_init(&jsonl, "jsonl", NULL, error, sizeof(error)), 0);
	a.poll = b.poll;
	a.since_full = b.since_full = a.record_counter = b.record_counter = 0;
	a.timestamp_ns = b.timestamp_ns;
	jsonl.ops->row(&jsonl, &x, &a);
	jsonl.ops->row(&jsonl, &y, &b);
	assert_string_equal(buf_cstr(&x), buf_cstr(&y));
	buf_free(&x);
	buf_free(&y);
	encoder_free(&jsonl);
}

/* The rebuilt snapshot is what the polls have seen. */
static void assert_snapshot(struct host *h)
{
	struct record full[SOCKETS_MAX];
	unsigned count = 0;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (h->seen[i].inet_diag_msg_socket_cookie)
			full[count++] = h->seen[i];
	}
	assert_int_equal(h->rebuilt_count, count);
	qsort(full, count, sizeof(*full), by_cookie);
	qsort(h->rebuilt, count, sizeof(*h->rebuilt), by_cookie);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(h->rebuilt[i].poll, h->poll);
		assert_int_equal(h->rebuilt[i].timestamp_ns, (int64_t)h->poll * POLL_NS);
		assert_same_record(full[i], h->rebuilt[i]);
	}
}

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));

	log_init(LOG_LEVEL_ERR);
	h->random = 42;
	memset(h->text, 'a', sizeof(h->text));
	h->changes = changes_new(1 << 20, FULL_EVERY * POLL_NS);
	h->snapshot = snapshot_new(take, h);
	*state = h;
	return h->changes && h->snapshot ? 0 : -1;
}

static int teardown(void **state)
{
	struct host *h = *state;

	changes_free(h->changes);
	snapshot_free(h->snapshot);
	buf_free(&h->room);
	free(h);
	return 0;
}

static void every_snapshot_is_rebuilt(void **state)
{
	struct host *h = *state;
	uint64_t sent = 0, full = 0, rebuilt = 0;

	for (unsigned i = 0; i < POLLS; i++) {
		live_a_little(h);
		poll_once(h);
		assert_true(h->whole);
		assert_snapshot(h);
		sent += h->sent;
		full += h->since_full == 0;
		rebuilt += h->rebuilt_count;
	}
	assert_int_equal(full, POLLS / FULL_EVERY);
	/* The hosts of this test are busy; nevertheless. */
	assert_true(sent >= rebuilt / 10 && sent <= rebuilt / 2);
}

static void a_lost_record_is_told_and_the_next_poll_is_full(void **state)
{
	struct host *h = *state;

	for (unsigned lose = 1; lose < 60; lose++) {
		live_a_little(h);
		h->lose = 0;
		poll_once(h);
		assert_true(h->whole);
		assert_snapshot(h);
		/* A record, a mark of a socket that is gone, or the poll's end. */
		h->lose = lose;
		live_a_little(h);
		poll_once(h);
		bool lost = h->sent >= lose;
		h->lose = 0;
		live_a_little(h);
		poll_once(h);
		if (lost)
			assert_int_equal(h->since_full, 0);
		assert_true(h->whole);
		assert_snapshot(h);
	}
}

static void a_reader_that_comes_late_begins_with_a_full_poll(void **state)
{
	struct host *h = *state;

	for (unsigned i = 0; i < 3; i++) {
		live_a_little(h);
		poll_once(h);
	}
	snapshot_free(h->snapshot);
	h->snapshot = snapshot_new(take, h);
	live_a_little(h);
	poll_once(h);
	assert_int_equal(h->rebuilt_count, 0);
	assert_int_equal(snapshot_early(h->snapshot), h->sent);
	while (h->since_full != 0 || h->poll < 5) {
		live_a_little(h);
		poll_once(h);
	}
	assert_snapshot(h);
}

static void without_room_every_poll_is_full(void **state)
{
	struct host *h = *state;

	changes_free(h->changes);
	h->changes = changes_new(64, FULL_EVERY * POLL_NS);
	log_init(LOG_LEVEL_ERR);
	for (unsigned i = 0; i < 20; i++)
		live_a_little(h);
	for (unsigned i = 0; i < 5; i++) {
		live_a_little(h);
		memset(h->unread, 0, sizeof(h->unread));
		poll_once(h);
		assert_int_equal(h->since_full, 0);
	}
	/* Few sockets: it goes back to sending changes. */
	memset(h->now + 20, 0, sizeof(h->now) - 20 * sizeof(*h->now));
	for (unsigned poll = 0; poll < 2; poll++) {
		for (unsigned i = 0; i < 20; i++)
			record_pass_time(&h->now[i], POLL_NS / NS_PER_MS);
		poll_once(h);
	}
	assert_int_equal(h->since_full, 1);
	assert_true(h->whole);
	assert_snapshot(h);
}

static void a_socket_that_cannot_be_sent_is_tried_again(void **state)
{
	struct host *h = *state;
	struct record r;

	open_socket(h, &r);
	changes_begin(h->changes, 0, 0);
	assert_true(changes_take(h->changes, &r, &h->room));
	assert_false(changes_take(h->changes, &r, &h->room));
	changes_forget(h->changes, r.inet_diag_msg_socket_cookie);
	changes_forget(h->changes, r.inet_diag_msg_socket_cookie);
	assert_int_equal(changes_end(h->changes, unread, gone, h), 0);
	assert_int_equal(changes_begin(h->changes, 1, 0), 1);
	assert_true(changes_take(h->changes, &r, &h->room));
	/* Its ages and the poll's own fields do not count, anything else does. */
	record_pass_time(&r, 1000);
	r.record_counter++;
	r.timestamp_ns++;
	r.netlinker_id++;
	r.socket_fd++;
	assert_false(changes_take(h->changes, &r, &h->room));
	r.tcp_info_rtt++;
	assert_true(changes_take(h->changes, &r, &h->room));
	/* A socket without a cookie is sent always. */
	r.inet_diag_msg_socket_cookie = 0;
	assert_true(changes_take(h->changes, &r, &h->room));
	assert_true(changes_take(h->changes, &r, &h->room));
	assert_int_equal(changes_end(h->changes, unread, gone, h), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_snapshot_is_rebuilt, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_lost_record_is_told_and_the_next_poll_is_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reader_that_comes_late_begins_with_a_full_poll, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(without_room_every_poll_is_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_socket_that_cannot_be_sent_is_tried_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
