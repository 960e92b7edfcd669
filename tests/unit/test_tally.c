/* SPDX-License-Identifier: MIT */
/* Sums per group and poll, and counters that only grow whatever opens, closes and moves. */
#include "unit.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "record/kernel_abi.h"
#include "record/record.h"
#include "stats/stats.h"
#include "tally/tally.h"
#include "tally/traffic.h"

#define TALLY_OF(labels_, top_)                                                                    \
	tally_new(&(struct tally_options){.labels = labels_, .top = top_, .sockets = 4096}, error, \
		  sizeof(error))

static char error[256];

/* A connection that has sent `segments` segments of 1000 bytes, a tenth of them again. */
static struct record connection(uint64_t cookie, const char *netns, uint32_t segments)
{
	return (struct record){
	    .sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO),
	    .netns = str_of(netns),
	    .inet_diag_msg_state = TCP_ESTABLISHED,
	    .inet_diag_msg_socket_destination_port = 443,
	    .inet_diag_msg_socket_cookie = cookie,
	    .inet_diag_msg_wqueue = 10,
	    .tcp_info_len = sizeof(struct abi_tcp_info),
	    .tcp_info_rtt = 3000,
	    .tcp_info_segs_out = segments,
	    .tcp_info_segs_in = segments / 2,
	    .tcp_info_total_retrans = segments / 10,
	    .tcp_info_bytes_sent = segments * 1000,
	    .tcp_info_bytes_retrans = segments * 100,
	    .tcp_info_bytes_received = segments,
	};
}

static struct record listener(uint64_t cookie, uint32_t waiting, uint32_t limit, uint32_t drops)
{
	return (struct record){
	    .sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO) | RECORD_HAS(SKMEMINFO),
	    .netns = str_of("a"),
	    .inet_diag_msg_state = TCP_LISTEN,
	    .inet_diag_msg_socket_cookie = cookie,
	    .inet_diag_msg_rqueue = waiting,
	    .inet_diag_msg_wqueue = limit,
	    .sk_mem_info_drops = drops,
	};
}

/* One poll over these records. */
static void poll_of(struct tally *t, struct tally_part *p, bool complete, size_t count,
		    const struct record *records)
{
	tally_begin(t, 1);
	for (size_t i = 0; i < count; i++)
		tally_add(p, &records[i], true);
	tally_end(t, complete);
}
#define POLL(t, p, ...)                                                                     \
	poll_of(t, p, true, sizeof((struct record[]){__VA_ARGS__}) / sizeof(struct record), \
		(struct record[]){__VA_ARGS__})

static const struct tally_group *find(const struct tally *t, const char *value)
{
	for (const struct tally_group *g = NULL; (g = tally_next(t, g));)
		if (g->values[0].len == strlen(value) && memcmp(g->values[0].p, value, g->values[0].len) == 0)
			return g;
	return NULL;
}

static uint64_t sockets(const struct tally_group *g)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TALLY_STATES; i++)
		sum += g->poll.sockets[i];
	return sum;
}

static void what_was_sent_before_the_first_poll_does_not_count(void **state)
{
	struct tally *t = TALLY_OF("netns", 5);
	struct tally_part *p = tally_part_new(t);

	POLL(t, p, connection(1, "a", 1000));
	assert_int_equal(find(t, "a")->total.sent_bytes, 0);
	assert_int_equal(find(t, "a")->poll.sockets[TCP_ESTABLISHED], 1);
	POLL(t, p, connection(1, "a", 1010));
	const struct tally_figures *f = &find(t, "a")->total;
	assert_int_equal(f->sent_bytes, 10000);
	assert_int_equal(f->retransmitted_bytes, 1000);
	assert_int_equal(f->received_bytes, 10);
	assert_int_equal(f->sent_segments, 10);
	assert_int_equal(f->retransmitted_segments, 1);
	assert_int_equal(f->received_segments, 5);
	assert_int_equal(find(t, "a")->poll.send_queue, 10);
	tally_free(t);
}

static void counters_survive_the_sockets(void **state)
{
	struct tally *t = TALLY_OF("netns", 5);
	struct tally_part *p = tally_part_new(t);

	POLL(t, p, connection(1, "a", 100), connection(9, "a", 0));
	/* 2 is new and has all that it sent from this daemon's time. */
	POLL(t, p, connection(1, "a", 200), connection(2, "a", 50), connection(9, "a", 0));
	assert_int_equal(find(t, "a")->total.sent_bytes, 150000);
	POLL(t, p, connection(9, "a", 0));
	assert_int_equal(find(t, "a")->total.sent_bytes, 150000);
	assert_int_equal(find(t, "a")->poll.sent_bytes, 0);
	assert_int_equal(sockets(find(t, "a")), 1);
	tally_free(t);
}

static void a_new_socket_that_is_older_than_the_last_poll_adds_nothing_at_first(void **state)
{
	struct tally *t = TALLY_OF("none", 5);
	struct tally_part *p = tally_part_new(t);
	struct record old = connection(2, "a", 50);

	POLL(t, p, connection(1, "a", 0));
	/* Busy for longer than this machine is up; the poll before began at 1 ns. */
	old.tcp_info_busy_time = UINT64_C(1) << 53;
	POLL(t, p, connection(1, "a", 0), old);
	assert_int_equal(tally_next(t, NULL)->total.sent_bytes, 0);
	old.tcp_info_bytes_sent += 7;
	POLL(t, p, connection(1, "a", 0), old);
	assert_int_equal(tally_next(t, NULL)->total.sent_bytes, 7);
	tally_free(t);
}

static void a_counter_of_32_bits_wraps_and_a_socket_is_connected_anew(void **state)
{
	struct tally *t = TALLY_OF("none", 5);
	struct tally_part *p = tally_part_new(t);
	struct record r = connection(1, "a", 1000);

	r.tcp_info_segs_out = UINT32_MAX - 1;
	POLL(t, p, r);
	r.tcp_info_segs_out = 3;
	POLL(t, p, r);
	assert_int_equal(tally_next(t, NULL)->total.sent_segments, 5);
	/* connect(2) to nowhere, then to somewhere: all begins again. */
	POLL(t, p, connection(1, "a", 4000));
	uint64_t sent = tally_next(t, NULL)->total.sent_bytes;
	uint64_t segments = tally_next(t, NULL)->total.sent_segments;
	POLL(t, p, connection(1, "a", 20));
	assert_int_equal(tally_next(t, NULL)->total.sent_bytes, sent + 20000);
	assert_int_equal(tally_next(t, NULL)->total.sent_segments, segments + 20);
	tally_free(t);
}

static void final_records_complete_the_counters(void **state)
{
	struct tally *t = TALLY_OF("netns", 5);
	struct tally_part *p = tally_part_new(t), *closer = tally_part_new(t);
	struct record last = connection(1, "a", 130), brief = connection(3, "a", 4), again = last;

	POLL(t, p, connection(1, "a", 100), connection(9, "a", 0));
	tally_add_closed(closer, &last);
	tally_add_closed(closer, &brief); /* no poll saw it */
	tally_add_closed(closer, &again);
	POLL(t, p, connection(9, "a", 0));
	assert_int_equal(find(t, "a")->total.sent_bytes, 34000);
	assert_int_equal(sockets(find(t, "a")), 1);
	/* A dump that began before the close brings it once more. */
	POLL(t, p, connection(1, "a", 130), connection(9, "a", 0));
	assert_int_equal(find(t, "a")->total.sent_bytes, 34000);
	tally_free(t);
}

static void what_the_filter_leaves_out_is_not_counted_later(void **state)
{
	struct tally *t = TALLY_OF("none", 5);
	struct tally_part *p = tally_part_new(t);
	struct record r = connection(1, "a", 100);

	POLL(t, p, connection(9, "a", 0));
	tally_begin(t, 1);
	tally_add(p, &r, false);
	tally_end(t, true);
	assert_int_equal(sockets(tally_next(t, NULL)), 0);
	POLL(t, p, connection(1, "a", 110));
	assert_int_equal(tally_next(t, NULL)->total.sent_bytes, 10000);
	tally_free(t);
}

static void rtt_is_observed_where_segments_came(void **state)
{
	struct tally *t = TALLY_OF("none", 5);
	struct tally_part *p = tally_part_new(t);
	struct record far = connection(2, "a", 100);

	far.tcp_info_rtt = 9000000;
	POLL(t, p, connection(1, "a", 100), far);
	/* Segments came on the first alone. */
	POLL(t, p, connection(1, "a", 120), far);
	const struct tally_figures *f = &tally_next(t, NULL)->total;
	assert_int_equal(f->rtt.count, 3);
	assert_int_equal(f->rtt.sum_us, 9006000);
	assert_int_equal(f->rtt.buckets[5], 2); /* above 2.5 ms, up to 5 ms */
	assert_int_equal(tally_rtt_bounds_us[5], 5000);
	assert_int_equal(f->rtt.buckets[TALLY_RTT_BOUNDS], 1);
	assert_int_equal(tally_next(t, NULL)->poll.rtt.count, 1);
	tally_free(t);
}

static void accept_queues(void **state)
{
	struct tally *t = TALLY_OF("netns", 5);
	struct tally_part *p = tally_part_new(t);

	POLL(t, p, listener(1, 0, 128, 7), listener(2, 5, 4, 100), listener(3, 4, 4, 0));
	const struct tally_figures *f = &find(t, "a")->poll;
	assert_int_equal(f->accept_queue, 9);
	assert_int_equal(f->accept_limit, 136);
	assert_int_equal(f->accept_full, 1);
	assert_int_equal(f->accept_fill, 1000000);
	assert_int_equal(find(t, "a")->total.listen_drops, 0);
	POLL(t, p, listener(1, 0, 128, 7), listener(2, 5, 4, 103), listener(4, 0, 4, 9));
	/* 4 is new; nobody knows when its drops were. */
	assert_int_equal(find(t, "a")->total.listen_drops, 3);
	assert_int_equal(f->receive_queue, 0);
	tally_free(t);
}

static void the_largest_have_places_and_the_others_are_one(void **state)
{
	struct tally *t = TALLY_OF("netns", 2);
	struct tally_part *p = tally_part_new(t);
	struct record big[] = {connection(1, "a", 0), connection(2, "b", 0), connection(3, "b", 0),
			       connection(4, "c", 0), connection(5, "c", 0), connection(6, "c", 0)};

	poll_of(t, p, true, 6, big);
	assert_null(find(t, "a"));
	assert_int_equal(sockets(find(t, "b")), 2);
	assert_int_equal(sockets(find(t, "c")), 3);
	assert_int_equal(sockets(find(t, TALLY_OTHER)), 1);
	assert_int_equal(stat_get(STAT_TALLY_FOLDED), 1);

	/* What a group adds without a place stays with the others. */
	big[0].tcp_info_bytes_sent = 500;
	poll_of(t, p, true, 6, big);
	assert_int_equal(find(t, TALLY_OTHER)->total.sent_bytes, 500);

	/* More than twice the sockets of the smallest take its place; its own counters leave with it. */
	big[1].netns = big[3].netns = big[4].netns = big[5].netns = str_of("a");
	big[1].tcp_info_bytes_sent = 30;
	poll_of(t, p, true, 6, big);
	assert_null(find(t, "c"));
	assert_int_equal(sockets(find(t, "a")), 5);
	assert_int_equal(find(t, "a")->total.sent_bytes, 30);
	assert_int_equal(find(t, TALLY_OTHER)->total.sent_bytes, 500);
	tally_free(t);
}

static void a_namespace_that_is_gone_leaves(void **state)
{
	struct tally *t = TALLY_OF("netns", 5);
	struct tally_part *p = tally_part_new(t);
	unsigned polls = 0;

	POLL(t, p, connection(1, "a", 0), connection(2, "b", 0));
	/* A poll that did not read all does not say that it is gone. */
	poll_of(t, p, false, 0, NULL);
	assert_int_equal(sockets(find(t, "b")), 1);
	for (; find(t, "b"); polls++)
		POLL(t, p, connection(1, "a", 0));
	assert_int_equal(polls, 3);
	assert_int_equal(sockets(find(t, "a")), 1);
	tally_free(t);
}

static void any_number_of_groups_stays_within_the_bound(void **state)
{
	struct tally *t = TALLY_OF("netns", 3);
	struct tally_part *p = tally_part_new(t);
	char name[32];
	uint64_t sum = 0;
	size_t groups = 0;

	for (unsigned round = 0; round < 3; round++) {
		tally_begin(t, 1);
		for (unsigned i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "%u-%u", round, i);
			struct record r = connection(1 + i, name, 0);
			tally_add(p, &r, true);
		}
		tally_end(t, true);
	}
	for (const struct tally_group *g = NULL; (g = tally_next(t, g)); groups++)
		sum += sockets(g);
	assert_int_equal(sum, 5000);
	assert_int_equal(groups, 4);
	/* 904 sockets are beyond the 4096 to remember. */
	assert_true(stat_get(STAT_TALLY_UNTRACKED) >= 904 && stat_get(STAT_TALLY_UNTRACKED) <= 5000);
	tally_free(t);
}

static void labels_are_several_or_none(void **state)
{
	struct tally *t = TALLY_OF("netns,container", 5);
	struct tally_part *p = tally_part_new(t);
	struct record r = connection(1, "a", 0);

	r.container_id = str_of("0123");
	POLL(t, p, connection(2, "a", 0), r);
	assert_int_equal(tally_label_count(t), 2);
	assert_string_equal(tally_label(t, 1), "container");
	const struct tally_group *other = tally_next(t, NULL), *g = tally_next(t, other);
	assert_int_equal(other->values[1].len, strlen(TALLY_OTHER));
	assert_int_equal(sockets(g) + sockets(tally_next(t, g)), 2);
	assert_null(tally_next(t, tally_next(t, g)));
	tally_free(t);

	static const char *const bad[] = {"", "netns,", "netns,netns", "netns,none", "host"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(TALLY_OF(bad[i], 5));
		assert_non_null(strstr(error, "netns, container"));
	}
	t = TALLY_OF("none", 5);
	assert_int_equal(tally_label_count(t), 0);
	assert_null(tally_next(t, tally_next(t, NULL)));
	tally_free(t);
}

static void a_long_value_is_cut_between_characters(void **state)
{
	struct tally *t = TALLY_OF("netns", 5);
	struct tally_part *p = tally_part_new(t);
	char name[400];

	/* Two bytes per character, from an odd offset: byte 255 is the first of one. */
	name[0] = 'x';
	for (size_t i = 1; i < sizeof(name) - 1; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[399] = '\0';
	POLL(t, p, connection(1, name, 0));
	const struct tally_group *g = tally_next(t, tally_next(t, NULL));
	assert_int_equal(g->values[0].len, 255);
	name[0] = '\xc3', name[1] = '\xa9';
	for (size_t i = 2; i < 399; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[398] = '\0';
	POLL(t, p, connection(1, name, 0));
	g = tally_next(t, tally_next(t, tally_next(t, NULL)));
	assert_int_equal(g->values[0].len, 254);
	tally_free(t);
}

/* The table makes room for new sockets from those that are gone, and its size follows the sockets there are. */
static void the_memory_follows_the_sockets(void **state)
{
	struct traffic *t = traffic_new(1 << 20);
	uint64_t cookie = 1;

	for (unsigned poll = 0; poll < 200; poll++) {
		traffic_begin(t, poll);
		for (unsigned i = 0; i < 1000; i++) {
			struct record r = connection(cookie++, "a", 1);
			assert_false(traffic_add(t, &r).untracked);
		}
		traffic_end(t, true);
	}
	assert_true(traffic_count(t) >= 1000 && traffic_count(t) <= 4000);
	traffic_free(t);
}

static void polls_that_are_never_complete_forget_too(void **state)
{
	struct traffic *t = traffic_new(4096);
	uint64_t cookie = 1;

	for (unsigned poll = 0; poll < 200; poll++) {
		traffic_begin(t, poll);
		for (unsigned i = 0; i < 64; i++) {
			struct record r = connection(cookie++, "a", 1);
			assert_false(traffic_add(t, &r).untracked);
		}
		traffic_end(t, false);
	}
	traffic_free(t);
}

/*
 * Sockets in an order that changes, of which some are missing in a poll, new or closed: each adds what it has sent since
 * its last reading, once.
 */
static void sockets_come_in_any_order(void **state)
{
	enum { SOCKETS = 3000, POLLS = 60 };
	static uint64_t cookies[SOCKETS], sent[SOCKETS];
	struct traffic *t = traffic_new(1 << 20);
	uint64_t next = 1;
	unsigned random = 1;

	for (unsigned poll = 0; poll < POLLS; poll++) {
		traffic_begin(t, poll);
		for (unsigned i = 0; i < SOCKETS; i++) {
			random = random * 1103515245 + 12345;
			/* In most polls the order stays; in some a few sockets change places, in some all do. */
			unsigned other = (random >> 8) % SOCKETS;
			if (poll % 8 == 7 || (poll % 4 == 1 && random >> 24 < 8)) {
				uint64_t cookie = cookies[i], bytes = sent[i];
				cookies[i] = cookies[other], sent[i] = sent[other];
				cookies[other] = cookie, sent[other] = bytes;
			}
		}
		for (unsigned i = 0; i < SOCKETS; i++) {
			random = random * 1103515245 + 12345;
			bool fresh = !cookies[i] || (poll % 3 == 2 && random >> 24 < 16);
			if (fresh && cookies[i] && random >> 16 & 1) {
				struct record last = connection(cookies[i], "a", sent[i] + 5);
				assert_int_equal(traffic_close(t, &last).sent_bytes, 5000);
			}
			if (fresh)
				cookies[i] = next++, sent[i] = 0;
			uint64_t more = random >> 8 & 1023;
			struct record r = connection(cookies[i], "a", sent[i] + more);
			struct traffic_delta delta = traffic_add(t, &r);
			assert_int_equal(delta.first, fresh);
			if (!fresh)
				assert_int_equal(delta.sent_bytes, 1000 * more);
			sent[i] += more;
		}
		traffic_end(t, true);
	}
	traffic_free(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_sent_before_the_first_poll_does_not_count),
	    cmocka_unit_test(counters_survive_the_sockets),
	    cmocka_unit_test(a_new_socket_that_is_older_than_the_last_poll_adds_nothing_at_first),
	    cmocka_unit_test(a_counter_of_32_bits_wraps_and_a_socket_is_connected_anew),
	    cmocka_unit_test(final_records_complete_the_counters),
	    cmocka_unit_test(what_the_filter_leaves_out_is_not_counted_later),
	    cmocka_unit_test(rtt_is_observed_where_segments_came),
	    cmocka_unit_test(accept_queues),
	    cmocka_unit_test(the_largest_have_places_and_the_others_are_one),
	    cmocka_unit_test(a_namespace_that_is_gone_leaves),
	    cmocka_unit_test(any_number_of_groups_stays_within_the_bound),
	    cmocka_unit_test(labels_are_several_or_none),
	    cmocka_unit_test(a_long_value_is_cut_between_characters),
	    cmocka_unit_test(the_memory_follows_the_sockets),
	    cmocka_unit_test(polls_that_are_never_complete_forget_too),
	    cmocka_unit_test(sockets_come_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
