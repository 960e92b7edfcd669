/* SPDX-License-Identifier: MIT */
#include "source/byte_order.h"

#include <assert.h>
#include <byteswap.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/kernel_abi.h"

#define THIS_IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/* Numbers of `size` bytes up to offset `end`. */
struct run {
	uint16_t end;
	uint8_t size;
};

/* struct tcp_info up to its last word. Bytes 6 and 7 are bit-fields. */
static const struct run info_runs[] = {{8, 1},	 {104, 4}, {136, 8}, {160, 4}, {192, 8}, {200, 4},
				       {216, 8}, {240, 4}, {244, 2}, {276, 4}, {0}};
static_assert(offsetof(struct abi_tcp_info, tcpi_segs_out) == 136, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_delivery_rate) == 160, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_bytes_sent) == 200, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_dsack_dups) == 216, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_total_rto_time) == 244, "tcp_info");
static_assert(offsetof(struct abi_tcp_info, tcpi_ecn) == 276, "tcp_info");

/* struct inet_diag_msg; ports and addresses are in network order. */
static const struct run base_runs[] = {{4, 1}, {40, 1}, {72, 4}, {0}};
static_assert(offsetof(struct abi_inet_diag_msg, id.idiag_if) == 40, "inet_diag_msg");

static const struct run header_runs[] = {{4, 4}, {8, 2}, {16, 4}, {0}};
static const struct run attribute_runs[] = {{4, 2}, {0}};
static const struct run u32_runs[] = {{UINT16_MAX, 4}, {0}}, u64_runs[] = {{8, 8}, {0}};
static const struct run dctcp_runs[] = {{4, 2}, {16, 4}, {0}};

/* Payloads with numbers. The others are bytes or, like INET_DIAG_INFO, have a function. */
static const struct run *const payloads[ABI_INET_DIAG_MAX + 1] = {
    [INET_DIAG_MEMINFO] = u32_runs,	[INET_DIAG_VEGASINFO] = u32_runs, [INET_DIAG_SKMEMINFO] = u32_runs,
    [INET_DIAG_DCTCPINFO] = dctcp_runs, [INET_DIAG_MARK] = u32_runs,	  [INET_DIAG_BBRINFO] = u32_runs,
    [INET_DIAG_CLASS_ID] = u32_runs,	[INET_DIAG_CGROUP_ID] = u64_runs,
};

/* Convert the number of `size` bytes at p. */
static void swap(uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size / 2; i++) {
		uint8_t byte = p[i];
		p[i] = p[size - 1 - i];
		p[size - 1 - i] = byte;
	}
}

static void swap_runs(uint8_t *p, size_t len, const struct run *run)
{
	size_t at = 0;

	for (; run->size; run++)
		for (; at < run->end && at + run->size <= len; at += run->size)
			swap(p + at, run->size);
}

/*
 * The bit-fields of these widths in a number of `bits` bits: little-endian compilers begin at its low end, big-endian
 * ones at its high end.
 */
static uint32_t mirror(uint32_t v, unsigned bits, const uint8_t *widths)
{
	uint32_t out = 0;

	for (unsigned at = 0; at < bits; at += *widths++) {
		unsigned low = at, high = bits - at - *widths;
		uint32_t field = v >> (THIS_IS_LITTLE ? high : low) & ((UINT32_C(1) << *widths) - 1);
		out |= field << (THIS_IS_LITTLE ? low : high);
	}
	return out;
}

static void convert_info(uint8_t *p, size_t len, bool accecn_u16)
{
	static const uint8_t scale[] = {4, 4}, limited[] = {1, 2, 5}, ecn[] = {2, 2, 4, 24};
	const size_t word = offsetof(struct abi_tcp_info, tcpi_ecn);
	uint32_t v;

	swap_runs(p, len, info_runs);
	if (len > 7) {
		p[6] = (uint8_t)mirror(p[6], 8, scale);
		p[7] = (uint8_t)mirror(p[7], 8, limited);
	}
	if (len < sizeof(struct abi_tcp_info))
		return;
	if (accecn_u16) {
		swap(p + word, 2);
		swap(p + word + 2, 2);
		return;
	}
	memcpy(&v, p + word, sizeof(v));
	v = mirror(bswap_32(v), 32, ecn);
	memcpy(p + word, &v, sizeof(v));
}

static void convert_attributes(uint8_t *p, size_t left, bool accecn_u16, bool nested)
{
	static const uint8_t flags[] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct nlattr nla;

	while (left >= sizeof(nla)) {
		swap_runs(p, sizeof(nla), attribute_runs);
		memcpy(&nla, p, sizeof(nla));
		if (nla.nla_len < sizeof(nla) || nla.nla_len > left)
			return;
		uint8_t *payload = p + sizeof(nla);
		size_t len = nla.nla_len - sizeof(nla), type = nla.nla_type & NLA_TYPE_MASK;

		if (nested)
			; /* a name, or what no record has */
		else if (type == INET_DIAG_INFO)
			convert_info(payload, len, accecn_u16);
		else if (type == INET_DIAG_ULP_INFO)
			convert_attributes(payload, len, accecn_u16, true);
		else if (type == INET_DIAG_SOCKOPT)
			for (size_t i = 0; i < len; i++)
				payload[i] = (uint8_t)mirror(payload[i], 8, flags);
		else if (type < ARRAY_SIZE(payloads) && payloads[type])
			swap_runs(payload, len, payloads[type]);
		size_t step = NLA_ALIGN(nla.nla_len);
		if (step > left)
			return;
		p += step;
		left -= step;
	}
}

static void convert_message(uint8_t *p, bool accecn_u16)
{
	const size_t begin = NLMSG_HDRLEN + sizeof(struct abi_inet_diag_msg);
	struct nlmsghdr h;

	swap_runs(p, sizeof(h), header_runs);
	memcpy(&h, p, sizeof(h));
	if ((h.nlmsg_type != SOCK_DIAG_BY_FAMILY && h.nlmsg_type != TCPDIAG_GETSOCK) ||
	    h.nlmsg_flags & NLM_F_REQUEST || h.nlmsg_len < begin)
		return;
	swap_runs(p + NLMSG_HDRLEN, sizeof(struct abi_inet_diag_msg), base_runs);
	convert_attributes(p + begin, h.nlmsg_len - begin, accecn_u16, false);
}

void byte_order_convert(uint8_t *data, size_t len, bool accecn_u16)
{
	while (len >= sizeof(struct nlmsghdr)) {
		uint32_t own, other;

		memcpy(&own, data, sizeof(own));
		other = bswap_32(own);
		bool is_own = own >= sizeof(struct nlmsghdr) && own <= len;
		if (!is_own && (other < sizeof(struct nlmsghdr) || other > len))
			return;
		if (!is_own)
			convert_message(data, accecn_u16);
		size_t step = NLMSG_ALIGN((size_t)(is_own ? own : other));
		if (step > len)
			return;
		data += step;
		len -= step;
	}
}
