/* SPDX-License-Identifier: MIT */
/*
 * tcp_info and the others, computed from the bytes of a socket. The layout is made up: every member has a word of its
 * own, so that a test says what the kernel holds, by name, whatever the kernel of the machine.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "source/bpf/tcp_info.h"

struct socket_bytes {
	struct layout layout;
	struct walk_slot slot;
};

/* Members have places from here on; before it, addresses have 16 bytes each. */
#define FIRST_WORD 64

static void hold(struct socket_bytes *s, enum member_id id, uint64_t value)
{
	memcpy(s->slot.raw + s->layout.members[id].at, &value, sizeof(value));
}

#define HOLD(id, value) hold(s, M_##id, (value))

static int setup(void **state)
{
	struct socket_bytes *s = calloc(1, sizeof(*s));

	s->layout.hz = 250;
	s->layout.tcp_info_len = sizeof(struct abi_tcp_info);
	s->layout.accecn = s->layout.orphan_uid = true;
	for (unsigned i = 0; i < sizeof(s->layout.inet_flag); i++)
		s->layout.inet_flag[i] = 2 * i;
	for (int id = 0; id < M_MAX_; id++)
		s->layout.members[id] = (struct member){.at = FIRST_WORD + 8 * id, .mask = UINT64_MAX};
	s->layout.members[M_V6_RCV_SADDR].at = 0;
	s->layout.members[M_V6_DADDR].at = 16;
	s->slot.jiffies = 0x100001000;
	s->slot.mono_ns = 90 * UINT64_C(1000000000);
	HOLD(TYPE, SOCK_STREAM);
	HOLD(STATE, 1);
	HOLD(FAMILY, AF_INET);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct abi_tcp_info info_of(struct socket_bytes *s)
{
	struct abi_tcp_info info;

	tcp_info_of(&s->layout, &s->slot, &info);
	return info;
}

/* The same as the compiler reads it, which alone knows where this machine has bit-fields. */
static struct tcp_info kernels_info(const struct abi_tcp_info *info)
{
	struct tcp_info kernels = {0};

	memcpy(&kernels, info, sizeof(kernels) < sizeof(*info) ? sizeof(kernels) : sizeof(*info));
	return kernels;
}

static void test_times_come_from_ticks(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(RTO, 50);
	HOLD(ATO, 10);
	HOLD(RTO_MIN, 50);
	HOLD(DELACK_MAX, 50);
	HOLD(LSNDTIME, 0x1000 - 5);
	HOLD(LRCVTIME, 0xfffffff0); /* before the low half of the clock went round */
	HOLD(RCV_TSTAMP, 0x1000);
	HOLD(SRTT_US, 801);
	HOLD(MDEV_US, 43);
	HOLD(RCV_RTT, 80);
	struct abi_tcp_info info = info_of(s);
	assert_int_equal(info.tcpi_rto, 200000);
	assert_int_equal(info.tcpi_ato, 40000);
	assert_int_equal(info.tcpi_last_data_sent, 20);
	assert_int_equal(info.tcpi_last_data_recv, 4 * 0x1010);
	assert_int_equal(info.tcpi_last_ack_recv, 0);
	assert_int_equal(info.tcpi_rtt, 100);
	assert_int_equal(info.tcpi_rttvar, 10);
	assert_int_equal(info.tcpi_rcv_rtt, 10);
}

static void test_ato_is_capped_where_the_kernel_caps_it(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(ATO, 60);
	HOLD(RTO_MIN, 50);
	HOLD(DELACK_MAX, 55);
	assert_int_equal(info_of(s).tcpi_ato, 49 * 4000);
	s->layout.members[M_LRCV_FLOWLABEL].mask = 0;
	assert_int_equal(info_of(s).tcpi_ato, 60 * 4000);
}

static void test_a_tick_that_divides_no_millisecond(void **state)
{
	struct socket_bytes *s = *state;

	s->layout.hz = 300;
	HOLD(RTO, 61);
	HOLD(LSNDTIME, 0x1000 - 61);
	assert_int_equal(info_of(s).tcpi_rto, 203333);
	assert_int_equal(info_of(s).tcpi_last_data_sent, 203);
}

static void test_the_running_chrono_counts_until_now(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(CHRONO_BUSY, 100);
	HOLD(CHRONO_RWND, 20);
	HOLD(CHRONO_SNDBUF, 3);
	HOLD(CHRONO_TYPE, 2);
	HOLD(CHRONO_START, 0x1000 - 7);
	struct abi_tcp_info info = info_of(s);
	assert_int_equal(info.tcpi_busy_time, (100 + 27 + 3) * 4000);
	assert_int_equal(info.tcpi_rwnd_limited, 27 * 4000);
	assert_int_equal(info.tcpi_sndbuf_limited, 3 * 4000);
}

static void test_options_and_scales(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(SND_WSCALE, 7);
	HOLD(RCV_WSCALE, 10);
	assert_int_equal(info_of(s).tcpi_wscale, 0); /* without the option there are none */
	HOLD(WSCALE_OK, 1);
	HOLD(TSTAMP_OK, 1);
	HOLD(SACK_OK, 4);
	HOLD(ECN_FLAGS, 16 | 8);
	HOLD(SYN_DATA_ACKED, 1);
	HOLD(RATE_APP_LIMITED, 1);
	HOLD(FASTOPEN_FAIL, 2);
	struct abi_tcp_info info = info_of(s);
	assert_int_equal(info.tcpi_options, 1 | 2 | 4 | 8 | 16 | 32);
	const struct tcp_info kernels = kernels_info(&info);
	assert_int_equal(kernels.tcpi_snd_wscale, 7);
	assert_int_equal(kernels.tcpi_rcv_wscale, 10);
	assert_int_equal(kernels.tcpi_delivery_rate_app_limited, 1);
	assert_int_equal(kernels.tcpi_fastopen_client_fail, 2);
	s->layout.accecn = false; /* bit 4 is no mode there */
	assert_int_equal(info_of(s).tcpi_options & 8, 0);
}

static void test_rates(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(PACING_RATE, UINT64_MAX);
	HOLD(RATE_DELIVERED, 10);
	HOLD(MSS_CACHE, 1448);
	assert_int_equal(info_of(s).tcpi_delivery_rate, 0); /* no interval */
	HOLD(RATE_INTERVAL, 2000);
	assert_int_equal(info_of(s).tcpi_delivery_rate, 10 * 1448 * UINT64_C(1000000) / 2000);
	assert_true(info_of(s).tcpi_pacing_rate == UINT64_MAX);
}

static void test_a_recovery_that_runs_counts_until_now(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(TOTAL_RTO_TIME, 500);
	assert_int_equal(info_of(s).tcpi_total_rto_time, 500);
	HOLD(RTO_STAMP, 89000);
	assert_int_equal(info_of(s).tcpi_total_rto_time, 1500);
}

static void test_the_last_word_has_two_forms(void **state)
{
	struct socket_bytes *s = *state;

	HOLD(ACCECN_FAIL, 3);
	HOLD(ACCECN_OPT_SEEN, 1);
	HOLD(ECN_FLAGS, 16);
	union {
		uint32_t word;
		struct {
			uint16_t fail, seen;
		} first;
		struct {
			uint32_t mode : 2, seen : 2, fail : 4, unused : 24;
		} packed;
	} ecn = {info_of(s).tcpi_ecn};
	assert_int_equal(ecn.first.fail, 3);
	assert_int_equal(ecn.first.seen, 1);
	s->layout.ecn_packed = true;
	ecn.word = info_of(s).tcpi_ecn;
	assert_int_equal(ecn.packed.mode, 2);
	assert_int_equal(ecn.packed.seen, 1);
	assert_int_equal(ecn.packed.fail, 3);
	assert_int_equal(ecn.packed.unused, 0);
}

static void test_a_listener_tells_of_its_backlog(void **state)
{
	struct socket_bytes *s = *state;
	struct abi_inet_diag_msg msg;

	HOLD(STATE, 10);
	HOLD(ACK_BACKLOG, 3);
	HOLD(MAX_ACK_BACKLOG, 128);
	HOLD(PACKETS_OUT, 77);
	HOLD(SND_CWND, 10);
	struct abi_tcp_info info = info_of(s);
	assert_int_equal(info.tcpi_unacked, 3);
	assert_int_equal(info.tcpi_sacked, 128);
	assert_int_equal(info.tcpi_snd_cwnd, 10);
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_rqueue, 3);
	assert_int_equal(msg.idiag_wqueue, 128);
}

static void test_the_message_of_a_connection(void **state)
{
	struct socket_bytes *s = *state;
	struct abi_inet_diag_msg msg;

	HOLD(NUM, 443);
	HOLD(DPORT, htons(50000));
	HOLD(RCV_SADDR, htonl(0x7f000001));
	HOLD(COOKIE, UINT64_C(0x500000001));
	HOLD(RCV_NXT, 5);
	HOLD(COPIED_SEQ, 9); /* a FIN counts in one and not in the other */
	HOLD(WRITE_SEQ, 20);
	HOLD(SND_UNA, UINT32_C(0xfffffff0));
	HOLD(UID, 1000);
	HOLD(INO, 4711);
	HOLD(PENDING, 3);
	HOLD(PROBES_OUT, 2);
	HOLD(RETRANSMIT_EXPIRES, s->slot.jiffies + 25);
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(ntohs(msg.id.idiag_sport), 443);
	assert_int_equal(ntohs(msg.id.idiag_dport), 50000);
	assert_int_equal(ntohl(msg.id.idiag_src[0]), 0x7f000001);
	assert_int_equal(msg.id.idiag_cookie[0], 1);
	assert_int_equal(msg.id.idiag_cookie[1], 5);
	assert_int_equal(msg.idiag_rqueue, 0);
	assert_int_equal(msg.idiag_wqueue, 36);
	assert_int_equal(msg.idiag_uid, 1000);
	assert_int_equal(msg.idiag_inode, 4711);
	assert_int_equal(msg.idiag_timer, 4);
	assert_int_equal(msg.idiag_retrans, 2);
	assert_int_equal(msg.idiag_expires, 100);
}

static void test_timers(void **state)
{
	struct socket_bytes *s = *state;
	struct abi_inet_diag_msg msg;

	HOLD(KEEPALIVE_PPREV, 1);
	HOLD(KEEPALIVE_EXPIRES, s->slot.jiffies - 1); /* due */
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_timer, 2);
	assert_int_equal(msg.idiag_expires, 0);
	HOLD(KEEPALIVE_PPREV, 0);
	HOLD(ACK_PENDING, 2);
	HOLD(DELACK_PPREV, 1);
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_timer, 0); /* a kernel that does not tell of it */
	s->layout.delack_timer = true;
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_timer, 5);
}

static void test_small_sockets(void **state)
{
	struct socket_bytes *s = *state;
	struct abi_inet_diag_msg msg;

	HOLD(UID, 1000);
	HOLD(TW_SUBSTATE, 5);
	HOLD(TW_EXPIRES, s->slot.jiffies + 250);
	s->slot.kind = WALK_TIME_WAIT;
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_state, 5);
	assert_int_equal(msg.idiag_timer, 3);
	assert_int_equal(msg.idiag_expires, 1000);
	assert_int_equal(msg.idiag_uid, 0);
	HOLD(REQ_RETRANS, 2);
	s->slot.kind = WALK_REQUEST;
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_state, 3);
	assert_int_equal(msg.idiag_timer, 1);
	assert_int_equal(msg.idiag_retrans, 2);
}

static void test_a_socket_without_a_process(void **state)
{
	struct socket_bytes *s = *state;
	struct abi_inet_diag_msg msg;

	/* Before sk_ino, user and inode were the file's. */
	s->layout.members[M_INO].mask = 0;
	s->layout.orphan_uid = false;
	HOLD(UID, 1000);
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_uid, 0);
	s->slot.inode = 12;
	inet_diag_msg_of(&s->layout, &s->slot, &msg);
	assert_int_equal(msg.idiag_uid, 1000);
	assert_int_equal(msg.idiag_inode, 12);
}

static void test_memory_and_options_of_the_socket(void **state)
{
	struct socket_bytes *s = *state;
	uint32_t mem[ABI_SK_MEMINFO_VARS];

	HOLD(WMEM_ALLOC, 1);
	HOLD(FORWARD_ALLOC, 4096);
	HOLD(DROPS, 9);
	skmeminfo_of(&s->layout, &s->slot, mem);
	assert_int_equal(mem[2], 0);
	assert_int_equal(mem[4], 4096);
	assert_int_equal(mem[8], 9);
	HOLD(INET_FLAGS, 1 << 2 | 1 << 20); /* is_icsk and defer_connect in this layout */
	uint16_t options = sockopt_of(&s->layout, &s->slot);
	struct inet_diag_sockopt kernels, want = {.is_icsk = 1, .defer_connect = 1};
	memcpy(&kernels, &options, sizeof(kernels));
	assert_memory_equal(&kernels, &want, sizeof(want));
	s->layout.members[M_INET_FLAGS].mask = 0;
	HOLD(OLD_IS_ICSK, 1);
	HOLD(OLD_DEFER_CONNECT, 1);
	assert_int_equal(options, sockopt_of(&s->layout, &s->slot));
}

static void test_congestion_controls(void **state)
{
	struct socket_bytes *s = *state;
	union tcp_cc_info info;
	uint16_t len = 0;

	strcpy(s->slot.cong, "cubic");
	assert_int_equal(cong_info_of(&s->layout, &s->slot, &info, &len), 0);
	strcpy(s->slot.cong, "bbr");
	HOLD(BBR_BW, 1 << 24);
	HOLD(MSS_CACHE, 1000);
	HOLD(BBR_PACING_GAIN, 739);
	assert_int_equal(cong_info_of(&s->layout, &s->slot, &info, &len), INET_DIAG_BBRINFO);
	assert_int_equal(len, sizeof(info.bbr));
	assert_int_equal(info.bbr.bbr_bw_lo, 1000000000);
	assert_int_equal(info.bbr.bbr_pacing_gain, 739);
	strcpy(s->slot.cong, "dctcp");
	HOLD(DELIVERED, 12);
	HOLD(DCTCP_OLD_DELIVERED, 10);
	assert_int_equal(cong_info_of(&s->layout, &s->slot, &info, &len), INET_DIAG_DCTCPINFO);
	assert_int_equal(info.dctcp.dctcp_ab_tot, 2000);
	strcpy(s->slot.cong, "vegas");
	HOLD(VEGAS_BASE_RTT, 55);
	assert_int_equal(cong_info_of(&s->layout, &s->slot, &info, &len), INET_DIAG_VEGASINFO);
	assert_int_equal(info.vegas.tcpv_rtt, 55);
	s->layout.members[M_VEGAS_NOW].mask = 0; /* a kernel that does not describe it */
	assert_int_equal(cong_info_of(&s->layout, &s->slot, &info, &len), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_times_come_from_ticks),
	    TEST(test_ato_is_capped_where_the_kernel_caps_it),
	    TEST(test_a_tick_that_divides_no_millisecond),
	    TEST(test_the_running_chrono_counts_until_now),
	    TEST(test_options_and_scales),
	    TEST(test_rates),
	    TEST(test_a_recovery_that_runs_counts_until_now),
	    TEST(test_the_last_word_has_two_forms),
	    TEST(test_a_listener_tells_of_its_backlog),
	    TEST(test_the_message_of_a_connection),
	    TEST(test_timers),
	    TEST(test_small_sockets),
	    TEST(test_a_socket_without_a_process),
	    TEST(test_memory_and_options_of_the_socket),
	    TEST(test_congestion_controls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
