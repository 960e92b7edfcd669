/* SPDX-License-Identifier: MIT */
#ifndef RECORD_DECODE_H
#define RECORD_DECODE_H
/*
 * inet_diag message -> record. Pure: no system call, no allocation, no global
 * state, any thread. The message may come from any kernel since 4.15 and from a
 * damaged file: every length is checked, nothing is cast in place.
 */
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/kernel_abi.h"
#include "record/record.h"

/* Counts of one or more decode calls; the caller adds them to the stats once per batch. */
struct decode_counts {
	uint64_t short_messages; /* no room for struct inet_diag_msg */
	uint64_t bad_family;	 /* neither AF_INET nor AF_INET6 */
	uint64_t bad_attributes; /* length below the policy's minimum or past the end */
	uint64_t unknown_attributes;
	uint64_t info_tails; /* tcp_info longer than this version knows */
};

struct decode_options {
	/*
	 * Linux 6.18 and 6.19 end tcp_info with u16 accecn_fail_mode, u16
	 * accecn_opt_seen; later kernels pack ecn_mode:2, opt_seen:2, fail_mode:4,
	 * options2:24 into the same four bytes, so length cannot tell them apart.
	 */
	bool accecn_u16;
	/* bit N clear: attribute INET_DIAG_N is skipped (-deserializers) */
	uint64_t attributes;
};

/*
 * Decode one SOCK_DIAG_BY_FAMILY message of `len` bytes (header included, and
 * len is what was received, whatever nlmsg_len claims). Sets every section but
 * META and ENRICH, which the caller owns and which stay as they are. Return 0,
 * or -EBADMSG when there is no socket in it; a damaged attribute is counted and
 * left out, the rest of the record stands.
 */
int decode_inet_diag(const struct nlmsghdr *nlh, size_t len, const struct decode_options *options,
		     struct record *record, struct decode_counts *counts);

/*
 * The same for a source that has the kernel's structures without a message around them: first the base, which stays
 * the caller's as long as the record is used, then each attribute. `type` is an INET_DIAG_ number.
 */
void decode_base(struct record *record, const struct abi_inet_diag_msg *base);
void decode_value(const struct decode_options *options, uint16_t type, const void *payload, uint16_t len,
		  struct record *record, struct decode_counts *counts);

/*
 * Set the options to the layout of the running kernel's tcp_info (it asks uname(2)) and all attributes on;
 * the caller sets `attributes` from deserializers_parse() afterwards.
 */
void decode_defaults(struct decode_options *options);

/*
 * -deserializers: "default", "all", "none" or a comma-separated list of names
 * (info cong meminfo skmem bbr dctcp vegas tos tc shut classid cgroup sockopt).
 * Sets the attribute mask and the idiag_ext byte that asks the kernel for them.
 * Return 0, or -EINVAL with one sentence in error (size bytes).
 */
int deserializers_parse(const char *list, uint64_t *attributes, uint8_t *ext, char *error, size_t size);

/* The name of deserializer i in the policy table, NULL past the last one. */
const char *deserializer_name(size_t i);

#endif
