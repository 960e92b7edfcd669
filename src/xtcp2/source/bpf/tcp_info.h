/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_TCP_INFO_H
#define SOURCE_BPF_TCP_INFO_H
/*
 * The kernel's answers about a socket, computed from the bytes of the socket: what inet_diag would have sent.
 * Pure functions of the slot and the layout; any thread.
 */
#include <linux/inet_diag.h>
#include <stdbool.h>

#include "record/kernel_abi.h"
#include "source/bpf/layout.h"

/* struct tcp_info of a socket with a struct tcp_sock, as tcp_get_info() fills it. */
void tcp_info_of(const struct layout *l, const struct walk_slot *slot, struct abi_tcp_info *info);

/* struct inet_diag_msg, as inet_sk_diag_fill(), tcp_twsk_diag_fill() and tcp_req_diag_fill() fill it. */
void inet_diag_msg_of(const struct layout *l, const struct walk_slot *slot, struct abi_inet_diag_msg *msg);

/* u32[] of INET_DIAG_SKMEMINFO, as sk_get_meminfo() fills it. */
void skmeminfo_of(const struct layout *l, const struct walk_slot *slot, uint32_t mem[ABI_SK_MEMINFO_VARS]);

/* The two bytes of struct inet_diag_sockopt, as inet_diag_msg_attrs_fill() fills it. */
uint16_t sockopt_of(const struct layout *l, const struct walk_slot *slot);

/*
 * Private data of the congestion control, as its get_info() fills it. Return the attribute (INET_DIAG_BBRINFO,
 * INET_DIAG_DCTCPINFO, INET_DIAG_VEGASINFO) with *len, 0 for none.
 */
int cong_info_of(const struct layout *l, const struct walk_slot *slot, union tcp_cc_info *info,
		 uint16_t *len);

#endif
