/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: the formulas
 *
 * Each function follows one of the kernel, which its comment names; where
 * kernels differ, the layout says which way. The members of the socket are
 * read by V(), which is 0 for one that this kernel does not have.
 *
 * The bytes were copied without the socket's lock, one range after the other.
 * A socket that works meanwhile may show two members of different moments, as
 * far apart as the copy takes: a microsecond. The kernel's own answer is taken
 * under the lock.
 */
#include "source/bpf/tcp_info.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

#define V(member) member_of(l, slot->raw, M_##member)

#define TCP_ESTABLISHED 1
#define TCP_SYN_RECV	3
#define TCP_LISTEN	10

/* include/net/inet_connection_sock.h */
#define ICSK_TIME_RETRANS     1
#define ICSK_TIME_PROBE0      3
#define ICSK_TIME_LOSS_PROBE  5
#define ICSK_TIME_REO_TIMEOUT 6
#define ICSK_ACK_TIMER	      2

/* idiag_timer of include/uapi/linux/inet_diag.h */
#define TIMER_RETRANSMIT 1
#define TIMER_KEEPALIVE	 2
#define TIMER_TIME_WAIT	 3
#define TIMER_PROBE0	 4
#define TIMER_DELACK	 5

/* include/net/tcp.h: bits of ecn_flags */
#define ECN_MODE_RFC3168 1
#define ECN_SEEN	 8
#define ECN_MODE_ACCECN	 16

/* include/uapi/linux/tcp.h: tcpi_options */
enum {
	OPT_TIMESTAMPS = 1,
	OPT_SACK = 2,
	OPT_WSCALE = 4,
	OPT_ECN = 8,
	OPT_ECN_SEEN = 16,
	OPT_SYN_DATA = 32,
	OPT_USEC_TS = 64,
	OPT_TFO_CHILD = 128,
};

/* net/ipv4/tcp_bbr.c: BW_SCALE */
#define BBR_BW_SCALE 24

/* kernel/time/time.c: jiffies_to_msecs(), jiffies_to_usecs() */
static uint32_t ticks_to_ms(const struct layout *l, uint64_t ticks)
{
	return (uint32_t)(ticks * 1000 / l->hz);
}

static uint32_t ticks_to_us(const struct layout *l, uint64_t ticks)
{
	return (uint32_t)(ticks * 1000000 / l->hz);
}

/* include/linux/jiffies.h: jiffies_delta_to_msecs() */
static uint32_t ms_until(const struct layout *l, const struct walk_slot *slot, uint64_t expires)
{
	int64_t left = (int64_t)(expires - slot->jiffies);

	return left > 0 ? ticks_to_ms(l, (uint64_t)left) : 0;
}

/* Ticks since a 32-bit stamp of tcp_jiffies32. */
static uint32_t ms_since(const struct layout *l, const struct walk_slot *slot, uint64_t stamp)
{
	return ticks_to_ms(l, (uint32_t)slot->jiffies - (uint32_t)stamp);
}

/* Difference of two sequence numbers, not below 0. */
static uint32_t ahead(uint64_t a, uint64_t b)
{
	int32_t d = (int32_t)((uint32_t)a - (uint32_t)b);

	return d > 0 ? (uint32_t)d : 0;
}

/* A rate, all bits set for "none" (unsigned long in the kernel). */
static uint64_t rate_of(uint64_t rate)
{
	return sizeof(long) == 4 && rate == UINT32_MAX ? UINT64_MAX : rate;
}

/* net/ipv4/tcp_output.c: tcp_delack_max(), without a route's own minimum */
static uint32_t delack_max(const struct layout *l, const struct walk_slot *slot)
{
	uint32_t rto_min = V(RTO_MIN), max = V(DELACK_MAX);
	uint32_t from_rto = (rto_min > 2 ? rto_min : 2) - 1;

	return max < from_rto ? max : from_rto;
}

/* net/ipv4/tcp.c: tcp_get_info_chrono_stats() */
static void add_chrono(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	uint64_t stat[3] = {V(CHRONO_BUSY), V(CHRONO_RWND), V(CHRONO_SNDBUF)};
	uint64_t type = V(CHRONO_TYPE), total = 0;

	for (size_t i = 0; i < 3; i++) {
		if (type == i + 1)
			stat[i] += (uint32_t)slot->jiffies - (uint32_t)V(CHRONO_START);
		stat[i] *= 1000000 / l->hz;
		total += stat[i];
	}
	info->tcpi_busy_time = total;
	info->tcpi_rwnd_limited = stat[1];
	info->tcpi_sndbuf_limited = stat[2];
}

/* net/ipv4/tcp.c: tcp_compute_delivery_rate() */
static uint64_t delivery_rate(const struct layout *l, const struct walk_slot *slot)
{
	uint64_t rate = V(RATE_DELIVERED), interval = V(RATE_INTERVAL);

	return rate && interval ? rate * V(MSS_CACHE) * 1000000 / interval : 0;
}

/* Bits as the compiler lays out a bit-field of the kernel's structures. */
static uint32_t bits_at(uint32_t value, unsigned shift, unsigned width, unsigned size)
{
	value &= (UINT32_C(1) << width) - 1;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return value << (size - shift - width);
#else
	(void)size;
	return value << shift;
#endif
}

static void set_options(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	uint32_t ecn = V(ECN_FLAGS), mode = l->accecn ? ECN_MODE_RFC3168 | ECN_MODE_ACCECN : ECN_MODE_RFC3168;
	uint8_t options = 0;

	options |= V(TSTAMP_OK) ? OPT_TIMESTAMPS : 0;
	options |= V(SACK_OK) ? OPT_SACK : 0;
	if (V(WSCALE_OK)) {
		options |= OPT_WSCALE;
		info->tcpi_wscale = bits_at(V(SND_WSCALE), 0, 4, 8) | bits_at(V(RCV_WSCALE), 4, 4, 8);
	}
	options |= ecn & mode ? OPT_ECN : 0;
	options |= ecn & ECN_SEEN ? OPT_ECN_SEEN : 0;
	options |= V(SYN_DATA_ACKED) ? OPT_SYN_DATA : 0;
	options |= V(USEC_TS) ? OPT_USEC_TS : 0;
	options |= V(FASTOPEN_CHILD) ? OPT_TFO_CHILD : 0;
	info->tcpi_options = options;
	info->tcpi_app_limited = bits_at(V(RATE_APP_LIMITED), 0, 1, 8) | bits_at(V(FASTOPEN_FAIL), 1, 2, 8);
}

/* The part of tcp_get_info() on Accurate ECN, whose last word has two forms. */
static void set_accecn(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	uint32_t fail = V(ACCECN_FAIL), seen = V(ACCECN_OPT_SEEN), ecn = V(ECN_FLAGS);

	info->tcpi_received_ce = V(RECEIVED_CE);
	info->tcpi_delivered_e1_bytes = V(DELIVERED_ECN_1);
	info->tcpi_delivered_e0_bytes = V(DELIVERED_ECN_0);
	info->tcpi_delivered_ce_bytes = V(DELIVERED_ECN_CE);
	info->tcpi_received_e1_bytes = V(RECEIVED_ECN_1);
	info->tcpi_received_e0_bytes = V(RECEIVED_ECN_0);
	info->tcpi_received_ce_bytes = V(RECEIVED_ECN_CE);
	if (l->ecn_packed) {
		/* TCPI_ECN_MODE_DISABLED, _RFC3168, _ACCECN, _PENDING: the two bits of the flags in this order. */
		uint32_t mode = (ecn & ECN_MODE_RFC3168 ? 1 : 0) | (ecn & ECN_MODE_ACCECN ? 2 : 0);
		info->tcpi_ecn = bits_at(mode, 0, 2, 32) | bits_at(seen, 2, 2, 32) | bits_at(fail, 4, 4, 32);
	} else {
		info->tcpi_ecn = bits_at(fail, 0, 16, 32) | bits_at(seen, 16, 16, 32);
	}
}

static void set_rto(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	uint32_t stamp = V(RTO_STAMP);

	info->tcpi_total_rto = V(TOTAL_RTO);
	info->tcpi_total_rto_recoveries = V(TOTAL_RTO_RECOVERIES);
	info->tcpi_total_rto_time = V(TOTAL_RTO_TIME);
	if (stamp)
		info->tcpi_total_rto_time += (uint32_t)(slot->mono_ns / NS_PER_MS) - stamp;
}

/* Times and what the receiver has counted. */
static void set_times(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	uint32_t ato = V(ATO), max = delack_max(l, slot);

	info->tcpi_rto = ticks_to_us(l, V(RTO));
	/* The cap came to tcp_get_info() with the kernels that keep a flow label beside it. */
	info->tcpi_ato = ticks_to_us(l, member_exists(l, M_LRCV_FLOWLABEL) && max < ato ? max : ato);
	info->tcpi_last_data_sent = ms_since(l, slot, V(LSNDTIME));
	info->tcpi_last_data_recv = ms_since(l, slot, V(LRCVTIME));
	info->tcpi_last_ack_recv = ms_since(l, slot, V(RCV_TSTAMP));
	info->tcpi_rtt = V(SRTT_US) >> 3;
	info->tcpi_rttvar = V(MDEV_US) >> 2;
	info->tcpi_rcv_rtt = V(RCV_RTT) >> 3;
	info->tcpi_min_rtt = V(MIN_RTT);
	add_chrono(l, slot, info);
}

static void set_counts(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	info->tcpi_total_retrans = V(TOTAL_RETRANS);
	info->tcpi_bytes_acked = V(BYTES_ACKED);
	info->tcpi_bytes_received = V(BYTES_RECEIVED);
	info->tcpi_notsent_bytes = ahead(V(WRITE_SEQ), V(SND_NXT));
	info->tcpi_segs_out = V(SEGS_OUT);
	info->tcpi_segs_in = V(SEGS_IN);
	info->tcpi_data_segs_in = V(DATA_SEGS_IN);
	info->tcpi_data_segs_out = V(DATA_SEGS_OUT);
	info->tcpi_delivery_rate = delivery_rate(l, slot);
	info->tcpi_delivered = V(DELIVERED);
	info->tcpi_delivered_ce = V(DELIVERED_CE);
	info->tcpi_bytes_sent = V(BYTES_SENT);
	info->tcpi_bytes_retrans = V(BYTES_RETRANS);
	info->tcpi_dsack_dups = V(DSACK_DUPS);
	info->tcpi_reord_seen = V(REORD_SEEN);
	info->tcpi_rcv_ooopack = V(RCV_OOOPACK);
	info->tcpi_rehash = V(PLB_REHASH) + V(TIMEOUT_REHASH);
}

/* net/ipv4/tcp.c: tcp_get_info() */
void tcp_info_of(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info)
{
	memset(info, 0, sizeof(*info));
	if (V(TYPE) != SOCK_STREAM)
		return;
	info->tcpi_state = V(STATE);
	info->tcpi_pacing_rate = rate_of(V(PACING_RATE));
	info->tcpi_max_pacing_rate = rate_of(V(MAX_PACING_RATE));
	info->tcpi_reordering = V(REORDERING);
	info->tcpi_snd_cwnd = V(SND_CWND);
	if (info->tcpi_state == TCP_LISTEN) {
		info->tcpi_unacked = V(ACK_BACKLOG);
		info->tcpi_sacked = V(MAX_ACK_BACKLOG);
		return;
	}
	info->tcpi_ca_state = V(CA_STATE);
	info->tcpi_retransmits = V(RETRANSMITS);
	info->tcpi_probes = V(PROBES_OUT);
	info->tcpi_backoff = V(BACKOFF);
	set_options(l, slot, info);
	info->tcpi_snd_mss = V(MSS_CACHE);
	info->tcpi_rcv_mss = V(RCV_MSS);
	info->tcpi_unacked = V(PACKETS_OUT);
	info->tcpi_sacked = V(SACKED_OUT);
	info->tcpi_lost = V(LOST_OUT);
	info->tcpi_retrans = V(RETRANS_OUT);
	info->tcpi_pmtu = V(PMTU);
	info->tcpi_rcv_ssthresh = V(RCV_SSTHRESH);
	info->tcpi_snd_ssthresh = V(SND_SSTHRESH);
	info->tcpi_advmss = V(ADVMSS);
	info->tcpi_rcv_space = V(RCV_SPACE);
	info->tcpi_snd_wnd = V(SND_WND);
	info->tcpi_rcv_wnd = V(RCV_WND);
	set_times(l, slot, info);
	set_counts(l, slot, info);
	set_rto(l, slot, info);
	if (l->accecn)
		set_accecn(l, slot, info);
}

/* net/ipv4/inet_diag.c: inet_diag_msg_common_fill() */
static void fill_common(const struct layout *l, const struct walk_slot *slot, struct abi_inet_diag_msg *msg)
{
	uint64_t cookie = V(COOKIE);

	memset(msg, 0, sizeof(*msg));
	msg->idiag_family = V(FAMILY);
	msg->id.idiag_sport = htons((uint16_t)V(NUM));
	msg->id.idiag_dport = V(DPORT);
	msg->id.idiag_if = V(BOUND_IF);
	msg->id.idiag_cookie[0] = (uint32_t)cookie;
	msg->id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
	if (msg->idiag_family == AF_INET6) {
		memcpy(msg->id.idiag_src, slot->raw + l->members[M_V6_RCV_SADDR].at, 16);
		memcpy(msg->id.idiag_dst, slot->raw + l->members[M_V6_DADDR].at, 16);
	} else {
		msg->id.idiag_src[0] = V(RCV_SADDR);
		msg->id.idiag_dst[0] = V(DADDR);
	}
}

/* net/ipv4/inet_diag.c: the timers of inet_sk_diag_fill() */
static void fill_timer(const struct layout *l, const struct walk_slot *slot, struct abi_inet_diag_msg *msg)
{
	uint64_t pending = V(PENDING);

	if (pending == ICSK_TIME_RETRANS || pending == ICSK_TIME_REO_TIMEOUT ||
	    pending == ICSK_TIME_LOSS_PROBE) {
		msg->idiag_timer = TIMER_RETRANSMIT;
		msg->idiag_retrans = V(RETRANSMITS);
		msg->idiag_expires = ms_until(l, slot, V(RETRANSMIT_EXPIRES));
	} else if (pending == ICSK_TIME_PROBE0) {
		msg->idiag_timer = TIMER_PROBE0;
		msg->idiag_retrans = V(PROBES_OUT);
		msg->idiag_expires = ms_until(l, slot, V(RETRANSMIT_EXPIRES));
	} else if (V(KEEPALIVE_PPREV)) {
		msg->idiag_timer = TIMER_KEEPALIVE;
		msg->idiag_retrans = V(PROBES_OUT);
		msg->idiag_expires = ms_until(l, slot, V(KEEPALIVE_EXPIRES));
	} else if (l->delack_timer && V(ACK_PENDING) & ICSK_ACK_TIMER && V(DELACK_PPREV)) {
		msg->idiag_timer = TIMER_DELACK;
		msg->idiag_expires = ms_until(l, slot, V(DELACK_EXPIRES));
	}
}

void inet_diag_msg_of(const struct layout *l, const struct walk_slot *slot, struct abi_inet_diag_msg *msg)
{
	fill_common(l, slot, msg);
	switch (slot->kind) {
	case WALK_TIME_WAIT: /* net/ipv4/tcp_diag.c: tcp_twsk_diag_fill() */
		msg->idiag_state = V(TW_SUBSTATE);
		msg->idiag_timer = TIMER_TIME_WAIT;
		msg->idiag_expires = ms_until(l, slot, V(TW_EXPIRES));
		return;
	case WALK_REQUEST: /* tcp_req_diag_fill() */
		msg->idiag_state = TCP_SYN_RECV;
		msg->idiag_timer = TIMER_RETRANSMIT;
		msg->idiag_retrans = V(REQ_RETRANS);
		msg->idiag_expires = ms_until(l, slot, V(REQ_EXPIRES));
		return;
	}
	msg->idiag_state = V(STATE);
	msg->idiag_inode = member_exists(l, M_INO) ? V(INO) : slot->inode;
	msg->idiag_uid = l->orphan_uid || msg->idiag_inode ? V(UID) : 0;
	if (!slot->bound)
		fill_timer(l, slot, msg);
	if (msg->idiag_state == TCP_LISTEN) { /* tcp_diag_get_info() */
		msg->idiag_rqueue = V(ACK_BACKLOG);
		msg->idiag_wqueue = V(MAX_ACK_BACKLOG);
	} else {
		msg->idiag_rqueue = ahead(V(RCV_NXT), V(COPIED_SEQ));
		msg->idiag_wqueue = (uint32_t)V(WRITE_SEQ) - (uint32_t)V(SND_UNA);
	}
}

/* net/core/sock.c: sk_get_meminfo() */
void skmeminfo_of(const struct layout *l, const struct walk_slot *slot, uint32_t mem[ABI_SK_MEMINFO_VARS])
{
	mem[0] = V(RMEM_ALLOC);
	mem[1] = V(RCVBUF);
	mem[2] = V(WMEM_ALLOC) - 1; /* sk_wmem_alloc_get(): the socket itself holds one */
	mem[3] = V(SNDBUF);
	mem[4] = V(FORWARD_ALLOC);
	mem[5] = V(WMEM_QUEUED);
	mem[6] = V(OMEM_ALLOC);
	mem[7] = V(BACKLOG_LEN);
	mem[8] = V(DROPS);
}

/* The options in the order of struct inet_diag_sockopt, option N in bit N. */
static uint32_t options_of(const struct layout *l, const struct walk_slot *slot)
{
	uint64_t flags = V(INET_FLAGS);
	uint32_t options = 0;

	if (member_exists(l, M_INET_FLAGS)) {
		for (unsigned i = 0; i < sizeof(l->inet_flag); i++)
			options |= (uint32_t)(flags >> l->inet_flag[i] & 1) << i;
		return options;
	}
	const uint64_t old[] = {V(OLD_RECVERR),		V(OLD_IS_ICSK),	     V(OLD_FREEBIND),
				V(OLD_HDRINCL),		V(OLD_MC_LOOP),	     V(OLD_TRANSPARENT),
				V(OLD_MC_ALL),		V(OLD_NODEFRAG),     V(OLD_BIND_ADDRESS_NO_PORT),
				V(OLD_RECVERR_RFC4884), V(OLD_DEFER_CONNECT)};
	static_assert(sizeof(old) / sizeof(*old) == sizeof(l->inet_flag), "one for each option");
	for (unsigned i = 0; i < sizeof(l->inet_flag); i++)
		options |= (uint32_t)(old[i] & 1) << i;
	return options;
}

uint16_t sockopt_of(const struct layout *l, const struct walk_slot *slot)
{
	uint32_t options = options_of(l, slot);
	uint8_t bytes[2] = {(uint8_t)options, (uint8_t)(options >> 8)};
	uint16_t both;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bytes[0] = bytes[1] = 0;
	for (unsigned i = 0; i < 16; i++)
		bytes[i / 8] |= bits_at(options >> i, i % 8, 1, 8);
#endif
	memcpy(&both, bytes, sizeof(both));
	return both;
}

/* net/ipv4/tcp_bbr.c: bbr_get_info() */
static void bbr_info(const struct layout *l, const struct walk_slot *slot, struct tcp_bbr_info *info)
{
	uint64_t bw = V(BBR_LT_USE_BW) ? V(BBR_LT_BW) : V(BBR_BW);

	bw = bw * V(MSS_CACHE) * 1000000 >> BBR_BW_SCALE;
	info->bbr_bw_lo = (uint32_t)bw;
	info->bbr_bw_hi = (uint32_t)(bw >> 32);
	info->bbr_min_rtt = V(BBR_MIN_RTT);
	info->bbr_pacing_gain = V(BBR_PACING_GAIN);
	info->bbr_cwnd_gain = V(BBR_CWND_GAIN);
}

/* net/ipv4/tcp_dctcp.c: dctcp_get_info() */
static void dctcp_info(const struct layout *l, const struct walk_slot *slot, struct tcp_dctcp_info *info)
{
	info->dctcp_enabled = 1;
	info->dctcp_ce_state = V(DCTCP_CE_STATE);
	info->dctcp_alpha = V(DCTCP_ALPHA);
	info->dctcp_ab_ecn = V(MSS_CACHE) * (uint32_t)(V(DELIVERED_CE) - V(DCTCP_OLD_DELIVERED_CE));
	info->dctcp_ab_tot = V(MSS_CACHE) * (uint32_t)(V(DELIVERED) - V(DCTCP_OLD_DELIVERED));
}

/* net/ipv4/tcp_vegas.c: tcp_vegas_get_info() */
static void vegas_info(const struct layout *l, const struct walk_slot *slot, struct tcpvegas_info *info)
{
	info->tcpv_enabled = V(VEGAS_NOW);
	info->tcpv_rttcnt = V(VEGAS_CNT_RTT);
	info->tcpv_rtt = V(VEGAS_BASE_RTT);
	info->tcpv_minrtt = V(VEGAS_MIN_RTT);
}

int cong_info_of(const struct layout *l, const struct walk_slot *slot, union tcp_cc_info *info, uint16_t *len)
{
	memset(info, 0, sizeof(*info));
	if (slot->cong[0] == 'c') /* cubic, by far the most common, has none */
		return 0;
	if (strcmp(slot->cong, "bbr") == 0 && member_exists(l, M_BBR_BW)) {
		bbr_info(l, slot, &info->bbr);
		*len = sizeof(info->bbr);
		return INET_DIAG_BBRINFO;
	}
	if (strcmp(slot->cong, "dctcp") == 0 && member_exists(l, M_DCTCP_ALPHA)) {
		dctcp_info(l, slot, &info->dctcp);
		*len = sizeof(info->dctcp);
		return INET_DIAG_DCTCPINFO;
	}
	if (strcmp(slot->cong, "vegas") == 0 && member_exists(l, M_VEGAS_NOW)) {
		vegas_info(l, slot, &info->vegas);
		*len = sizeof(info->vegas);
		return INET_DIAG_VEGASINFO;
	}
	return 0;
}
