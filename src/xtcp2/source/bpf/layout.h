/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_LAYOUT_H
#define SOURCE_BPF_LAYOUT_H
/*
 * Where the running kernel keeps what the BPF source reads: fields.def, resolved by the kernel's own type
 * information (BTF), and from it the ranges of a socket that are copied.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "source/bpf/walk_abi.h"

enum member_id {
#define MEMBER(id, PART, NEED, path) M_##id,
#include "source/bpf/fields.def"
#undef MEMBER
	M_MAX_
};

/* A member in walk_slot.raw: `mask` of the 64-bit word at `at`, shifted. mask 0: this kernel has none. */
struct member {
	uint16_t at, shift;
	uint64_t mask;
};

struct layout {
	struct member members[M_MAX_];
	struct walk_layout walk;
	uint32_t hz;
	uint32_t tcp_info_len; /* sizeof(struct tcp_info) of the kernel, at most the one known here */
	uint8_t inet_flag[11]; /* bit numbers in inet_flags, in the order of struct inet_diag_sockopt */
	bool accecn;	       /* the kernel knows Accurate ECN: ecn_flags has two bits for the mode */
	bool ecn_packed;       /* tcp_info ends as in Linux 7.0 */
	bool delack_timer;     /* inet_diag tells of the timer of delayed acknowledgements */
	bool bound_inactive;   /* inet_diag lists bound sockets */
	bool orphan_uid;       /* a socket that no process holds keeps its user */
	char error[160];       /* the reason of a failure */
};

/*
 * Ask the kernel's BTF. Return 0, or -errno with layout->error: -EOPNOTSUPP names the member or the kind of
 * table that is missing. Reads /sys/kernel/btf, allocates some 20 MB for the time of the call.
 */
int layout_read(struct layout *layout);

/* The value of a member. */
static inline uint64_t member_of(const struct layout *l, const uint8_t *raw, enum member_id id)
{
	const struct member *m = &l->members[id];
	uint64_t word;

	memcpy(&word, raw + m->at, sizeof(word));
	return word >> m->shift & m->mask;
}

static inline bool member_exists(const struct layout *l, enum member_id id)
{
	return l->members[id].mask != 0;
}

#endif
