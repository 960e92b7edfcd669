/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "record/kernel_abi.h"
#include "source/lifetime.h"

#define NOW INT64_C(1700000000000000000)
#define MS  INT64_C(1000000)

static struct record final(void)
{
	return (struct record){
	    .sections = RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO),
	    .timestamp_ns = NOW,
	    .inet_diag_msg_socket_destination_port = 443,
	    .tcp_info_len = sizeof(struct abi_tcp_info),
	    .tcp_info_rtt = 30,
	    .tcp_info_last_data_sent = 40,
	    .tcp_info_last_data_recv = 70,
	    .tcp_info_busy_time = 1500,
	    .tcp_info_data_segs_in = 1,
	    .tcp_info_data_segs_out = 1,
	};
}

static void expect(struct record r, int64_t first_ns, uint64_t us, uint32_t basis)
{
	lifetime_to_record(&r, first_ns);
	assert_int_equal(r.duration_us, us);
	assert_int_equal(r.duration_basis, basis);
	assert_int_equal(!!(r.sections & RECORD_HAS(OWNER)), basis != LIFETIME_UNKNOWN);
}

static void one_way_connections_tell_their_age(void **state)
{
	struct record r = final();

	r.tcp_info_data_segs_out = 0;
	expect(r, 0, 40000, LIFETIME_EXACT);
	expect(r, NOW - 1000 * MS, 40000, LIFETIME_EXACT);
	r = final();
	r.tcp_info_data_segs_in = 0;
	expect(r, 0, 70000, LIFETIME_EXACT);
	/* Under a tick. */
	r.tcp_info_last_data_recv = 0;
	expect(r, 0, 1, LIFETIME_EXACT);
}

static void others_tell_the_larger_bound(void **state)
{
	struct record r = final();

	expect(r, 0, 70000, LIFETIME_TCP_INFO);
	expect(r, NOW - 50 * MS, 70000, LIFETIME_TCP_INFO);
	expect(r, NOW - 90 * MS, 90000, LIFETIME_FIRST_POLL);
	r.tcp_info_busy_time = 95000;
	expect(r, NOW - 90 * MS, 95000, LIFETIME_TCP_INFO);
	/* The clock was set back. */
	expect(r, NOW + 90 * MS, 95000, LIFETIME_TCP_INFO);
}

static void unknown_stays_unknown(void **state)
{
	struct record r = final();

	/* A listener, or a socket that was bound only. */
	r.inet_diag_msg_socket_destination_port = 0;
	expect(r, NOW - 90 * MS, 0, LIFETIME_UNKNOWN);
	/* A refused connect: the times are the kernel's clock. */
	r = final();
	r.tcp_info_rtt = r.tcp_info_data_segs_in = r.tcp_info_data_segs_out = 0;
	r.tcp_info_last_data_sent = r.tcp_info_last_data_recv = 4294667;
	expect(r, 0, 0, LIFETIME_UNKNOWN);
	expect(r, NOW - 90 * MS, 90000, LIFETIME_FIRST_POLL);
	/* Without tcp_info, and with one that is too short to tell whether data was sent. */
	r = final();
	r.sections = RECORD_HAS(DIAG);
	expect(r, 0, 0, LIFETIME_UNKNOWN);
	r = final();
	r.tcp_info_len = 104;
	expect(r, 0, 0, LIFETIME_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_way_connections_tell_their_age),
	    cmocka_unit_test(others_tell_the_larger_bound),
	    cmocka_unit_test(unknown_stays_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
