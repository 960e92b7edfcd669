/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <linux/inet_diag.h>
#include <netinet/tcp.h>
#include <string.h>

#include "source/known_sockets.h"
#include "stats/stats.h"

static struct record polled(uint64_t cookie, uint32_t second)
{
	return (struct record){
	    .sections = RECORD_HAS(DIAG) | RECORD_HAS(CONG) | RECORD_HAS(SKMEMINFO) | RECORD_HAS(CGROUP) |
			RECORD_OWNED,
	    .timestamp_ns = second * INT64_C(1000000000),
	    .inet_diag_msg_state = TCP_ESTABLISHED,
	    .inet_diag_msg_socket_cookie = cookie,
	    .inet_diag_msg_uid = (uint32_t)cookie + 1,
	    .inet_diag_msg_inode = (uint32_t)cookie + 2,
	    .c_group = cookie + 3,
	    .sk_mem_info_rmem_alloc = 4,
	    .sk_mem_info_drops = 5,
	    .congestion_algorithm_string = str_of("cubic"),
	    .congestion_algorithm_enum = RECORD_CC_CUBIC,
	};
}

/* Of the last one taken: when a poll saw it first. */
static int64_t first;

static struct record closed(uint64_t cookie)
{
	return (struct record){.sections = RECORD_HAS(DIAG), .inet_diag_msg_socket_cookie = cookie};
}

static void what_was_put_is_taken_once(void **state)
{
	struct known_sockets *k = known_sockets_new(1024);
	struct record in = polled(7, 1), out = closed(7), again = closed(7);

	known_sockets_put(k, &in);
	assert_true(known_sockets_take(k, &out, &first));
	assert_int_equal(out.sections, in.sections);
	assert_int_equal(out.inet_diag_msg_uid, 8);
	assert_int_equal(out.inet_diag_msg_inode, 9);
	assert_int_equal(out.c_group, 10);
	assert_int_equal(out.sk_mem_info_rmem_alloc, 4);
	assert_int_equal(out.sk_mem_info_drops, 5);
	assert_int_equal(out.congestion_algorithm_enum, RECORD_CC_CUBIC);
	assert_memory_equal(out.congestion_algorithm_string.p, "cubic", 5);
	assert_int_equal(out.inet_diag_attributes, UINT64_C(1) << INET_DIAG_CONG |
						       UINT64_C(1) << INET_DIAG_SKMEMINFO |
						       UINT64_C(1) << INET_DIAG_CGROUP_ID);
	assert_false(known_sockets_take(k, &again, &first));
	assert_int_equal(again.sections, RECORD_HAS(DIAG));
	known_sockets_free(k);
}

static void what_was_absent_stays_absent(void **state)
{
	struct known_sockets *k = known_sockets_new(1024);
	struct record in = polled(7, 1), out = closed(7);

	in.sections = RECORD_HAS(DIAG);
	known_sockets_put(k, &in);
	assert_true(known_sockets_take(k, &out, &first));
	assert_int_equal(out.sections, RECORD_HAS(DIAG));
	assert_int_equal(out.inet_diag_attributes, 0);
	in.inet_diag_msg_state = TCP_TIME_WAIT;
	known_sockets_put(k, &in);
	assert_false(known_sockets_take(k, &out, &first));
	known_sockets_free(k);
}

static void the_oldest_go_first_and_are_counted(void **state)
{
	const uint64_t sockets = 100000;
	struct known_sockets *k = known_sockets_new(1024);
	uint64_t before = stat_get(STAT_KNOWN_EVICTED), found = 0, recent = 0;

	for (uint64_t i = 1; i <= sockets; i++) {
		struct record in = polled(i, (uint32_t)i);
		known_sockets_put(k, &in);
		known_sockets_put(k, &in); /* the same entry */
	}
	for (uint64_t i = 1; i <= sockets; i++) {
		struct record out = closed(i);
		bool known = known_sockets_take(k, &out, &first);
		found += known;
		recent += known && i > sockets - 4096;
	}
	assert_int_equal(stat_get(STAT_KNOWN_EVICTED) - before, sockets - found);
	assert_int_equal(found, 1024);
	assert_int_equal(recent, found);
	known_sockets_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_put_is_taken_once),
	    cmocka_unit_test(what_was_absent_stays_absent),
	    cmocka_unit_test(the_oldest_go_first_and_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
