/* SPDX-License-Identifier: MIT */
#ifndef RECORD_KERNEL_ABI_H
#define RECORD_KERNEL_ABI_H
/*
 * The kernel's structures, defined here because the headers of the build machine
 * are often older than the running kernel. These structures only grow at the end,
 * so one copy of the newest serves every kernel.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* struct tcp_info (linux/tcp.h); bit-fields are kept as the byte or word that holds them. */
struct abi_tcp_info {
	uint8_t tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options;
	uint8_t tcpi_wscale;	  /* snd:4, rcv:4 */
	uint8_t tcpi_app_limited; /* delivery_rate_app_limited:1, fastopen_client_fail:2 */
	uint32_t tcpi_rto, tcpi_ato, tcpi_snd_mss, tcpi_rcv_mss;
	uint32_t tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_fackets;
	uint32_t tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv;
	uint32_t tcpi_pmtu, tcpi_rcv_ssthresh, tcpi_rtt, tcpi_rttvar, tcpi_snd_ssthresh, tcpi_snd_cwnd;
	uint32_t tcpi_advmss, tcpi_reordering, tcpi_rcv_rtt, tcpi_rcv_space, tcpi_total_retrans;
	uint64_t tcpi_pacing_rate, tcpi_max_pacing_rate, tcpi_bytes_acked, tcpi_bytes_received;
	uint32_t tcpi_segs_out, tcpi_segs_in, tcpi_notsent_bytes, tcpi_min_rtt;
	uint32_t tcpi_data_segs_in, tcpi_data_segs_out;
	uint64_t tcpi_delivery_rate, tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited; /* 4.10 */
	uint32_t tcpi_delivered, tcpi_delivered_ce;					     /* 4.18 */
	uint64_t tcpi_bytes_sent, tcpi_bytes_retrans;					     /* 4.19 */
	uint32_t tcpi_dsack_dups, tcpi_reord_seen;					     /* 4.19 */
	uint32_t tcpi_rcv_ooopack, tcpi_snd_wnd;					     /* 5.4 */
	uint32_t tcpi_rcv_wnd, tcpi_rehash;						     /* 6.2 */
	uint16_t tcpi_total_rto, tcpi_total_rto_recoveries;				     /* 6.7 */
	uint32_t tcpi_total_rto_time;							     /* 6.7 */
	uint32_t tcpi_received_ce;							     /* 6.18 */
	uint32_t tcpi_delivered_e1_bytes, tcpi_delivered_e0_bytes, tcpi_delivered_ce_bytes;
	uint32_t tcpi_received_e1_bytes, tcpi_received_e0_bytes, tcpi_received_ce_bytes;
	uint32_t tcpi_ecn; /* two layouts: struct decode_options, accecn_u16 */
};
static_assert(offsetof(struct abi_tcp_info, tcpi_rto) == 8, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_pacing_rate) == 104, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_delivered) == 192, "tcp_info of 4.10");
static_assert(offsetof(struct abi_tcp_info, tcpi_rcv_ooopack) == 224, "tcp_info of 4.19");
static_assert(offsetof(struct abi_tcp_info, tcpi_rcv_wnd) == 232, "tcp_info of 5.4");
static_assert(offsetof(struct abi_tcp_info, tcpi_total_rto) == 240, "tcp_info of 6.2");
static_assert(offsetof(struct abi_tcp_info, tcpi_received_ce) == 248, "tcp_info of 6.7");
static_assert(sizeof(struct abi_tcp_info) == 280, "tcp_info of 6.18");

/* struct inet_diag_sockid, struct inet_diag_msg (linux/inet_diag.h) */
struct abi_inet_diag_msg {
	uint8_t idiag_family, idiag_state, idiag_timer, idiag_retrans;
	struct {
		uint16_t idiag_sport, idiag_dport;   /* big-endian */
		uint32_t idiag_src[4], idiag_dst[4]; /* network order; IPv4 in [0] */
		uint32_t idiag_if;
		uint32_t idiag_cookie[2]; /* low word first */
	} id;
	uint32_t idiag_expires, idiag_rqueue, idiag_wqueue, idiag_uid, idiag_inode;
};
static_assert(sizeof(struct abi_inet_diag_msg) == 72, "inet_diag_msg");

/* Return a socket's cookie, which idiag_cookie has in halves. 0 for none. */
static inline uint64_t diag_cookie(const uint32_t halves[static 2])
{
	return halves[0] | (uint64_t)halves[1] << 32;
}

/* The last attribute of Linux 6.18; higher numbers are unknown and counted. */
#define ABI_INET_DIAG_MAX 22 /* INET_DIAG_SOCKOPT */

/* u32s of INET_DIAG_SKMEMINFO, from SK_MEMINFO_RMEM_ALLOC to SK_MEMINFO_DROPS (4.15 sends all). */
#define ABI_SK_MEMINFO_VARS 9

/* TCP_CA_NAME_MAX and TCP_ULP_NAME_MAX (net/tcp.h), NUL included */
#define ABI_TCP_NAME_MAX 16

#endif
