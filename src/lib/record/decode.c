/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A message is a struct inet_diag_msg followed by attributes. The base is
 * expanded into the record; then each attribute goes through one table, indexed
 * by its number, with its minimum length and the function that expands it. An
 * expansion sets its section's bit and writes every field of the section, so that
 * a reused record keeps nothing of the previous socket.
 *
 * struct tcp_info is the only structure that grows. A field is present when its
 * last byte was received; the kernel's version is not checked. Nothing from a newer
 * kernel is lost: the bytes past the known end go into tcp_info_tail.
 *
 * Only a damaged attribute itself is dropped. INET_DIAG_MD5SIG holds keys and is
 * never read.
 */
#include "record/decode.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/inet_diag.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "record/kernel_abi.h"
#include "record/nl.h"
#include "record/policy.h"

#define KEPT_BITS (RECORD_HAS(META) | RECORD_HAS(ENRICH))

/* Bit-fields of the kernel start at the low end on little-endian machines, else at the high end. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BITS(v, shift, width) (((v) >> (shift)) & ((UINT32_C(1) << (width)) - 1))
#else
#define BITS(v, shift, width) (((v) >> (8 * sizeof(v) - (shift) - (width))) & ((UINT32_C(1) << (width)) - 1))
#endif

/* All ones is the kernel's "no limit" or "not measured"; the record has 0 for an absent value. */
#define KNOWN(v) ((v) == (typeof(v))-1 ? 0 : (v))

/* One line of fields.def -> one assignment to the record from the structure `v` of its section. */
#define LOAD(number, name, KIND, kernel, ...) (void)(r->name LOAD_##kernel);
#define LOAD_KMEM(member)		      = v.member
#define LOAD_KMEMCAP(member)		      = KNOWN(v.member)
#define LOAD_KOWN(member)		      = v.member
#define LOAD_KIDX(index)		      = v[index]
#define LOAD_KVAL(type)			      = v
#define LOAD_KHAND(text)
#define LOAD_KOPT(text)
#define LOAD_KRSV

/* Fixed-size attributes: the policy has checked that `sizeof v` bytes are there. */
#define DECODE_FIXED(function, SECTION, declaration)                              \
	static bool function(struct decoder *d, const struct attr *a)             \
	{                                                                         \
		struct record *r = d->r;                                          \
		declaration;                                                      \
		memcpy(&v, a->payload, sizeof(v));                                \
		RECORD_FIELDS_##SECTION(LOAD) r->sections |= RECORD_HAS(SECTION); \
		return true;                                                      \
	}

DECODE_FIXED(decode_meminfo, MEMINFO, struct inet_diag_meminfo v)
DECODE_FIXED(decode_skmeminfo, SKMEMINFO, uint32_t v[ABI_SK_MEMINFO_VARS])
DECODE_FIXED(decode_vegas, VEGAS, struct tcpvegas_info v)
DECODE_FIXED(decode_dctcp, DCTCP, struct tcp_dctcp_info v)
DECODE_FIXED(decode_bbr, BBR, struct tcp_bbr_info v)
DECODE_FIXED(decode_tos, TOS, uint8_t v)
DECODE_FIXED(decode_tclass, TCLASS, uint8_t v)
DECODE_FIXED(decode_shutdown, SHUTDOWN, uint8_t v)
DECODE_FIXED(decode_v6only, V6ONLY, uint8_t v)
DECODE_FIXED(decode_class_id, CLASS_ID, uint32_t v)
DECODE_FIXED(decode_cgroup, CGROUP, uint64_t v)

/* The two bytes are bit-fields of one bit, which the record has as a little-endian machine has them. */
static bool decode_sockopt(struct decoder *d, const struct attr *a)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint32_t v = a->payload[0] | (uint32_t)a->payload[1] << 8;
#else
	uint32_t v = 0;

	for (unsigned i = 0; i < 16; i++)
		v |= BITS(a->payload[i / 8], i % 8, 1) << i;
#endif
	d->r->sock_opt = v;
	d->r->sections |= RECORD_HAS(SOCKOPT);
	return true;
}

/*
 * The name in a C string attribute. It goes into protobuf strings, where one
 * byte that is not UTF-8 makes readers refuse a whole envelope: names that are
 * not plain printable ASCII are damage.
 */
static bool name_of(const uint8_t *p, size_t len, struct str *name)
{
	size_t n = strnlen((const char *)p, len);

	if (!n || n >= ABI_TCP_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	*name = (struct str){(const char *)p, n};
	return true;
}

static uint32_t cc_of(struct str name)
{
	static const struct {
		const char *name;
		enum record_cc cc;
	} names[] = {
	    {"cubic", RECORD_CC_CUBIC}, {"bbr", RECORD_CC_BBR1},      {"dctcp", RECORD_CC_DCTCP},
	    {"vegas", RECORD_CC_VEGAS}, {"prague", RECORD_CC_PRAGUE}, {"bbr1", RECORD_CC_BBR1},
	    {"bbr2", RECORD_CC_BBR2},	{"bbr3", RECORD_CC_BBR3},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (name.len == strlen(names[i].name) && !memcmp(name.p, names[i].name, name.len))
			return names[i].cc;
	return RECORD_CC_UNSPECIFIED;
}

static bool decode_cong(struct decoder *d, const struct attr *a)
{
	struct record *r = d->r;

	if (!name_of(a->payload, a->len, &r->congestion_algorithm_string))
		return false;
	r->congestion_algorithm_enum = cc_of(r->congestion_algorithm_string);
	r->sections |= RECORD_HAS(CONG);
	return true;
}

static bool decode_ulp(struct decoder *d, const struct attr *a)
{
	struct nl_walk walk = {a->payload, a->len};
	struct attr inner;

	attr_for_each (inner, walk) {
		if (inner.type != INET_ULP_INFO_NAME)
			continue;
		if (!name_of(inner.payload, inner.len, &d->r->ulp_name))
			return false;
		d->r->sections |= RECORD_HAS(ULP);
	}
	return !walk.left;
}

struct ecn {
	uint32_t fail_mode, opt_seen, ecn_mode, options2;
};

static inline struct ecn ecn_of(uint32_t word, bool u16)
{
	if (u16)
		return (struct ecn){.fail_mode = BITS(word, 0, 16), .opt_seen = BITS(word, 16, 16)};
	return (struct ecn){
	    .ecn_mode = BITS(word, 0, 2),
	    .opt_seen = BITS(word, 2, 2),
	    .fail_mode = BITS(word, 4, 4),
	    .options2 = BITS(word, 8, 24),
	};
}

/* `len` is constant in one of the callers, where all the comparisons fold away. */
static inline __attribute__((always_inline)) void
expand_tcp_info(struct record *r, const struct abi_tcp_info *info, struct ecn ecn, size_t len)
{
#define END(member)			 (offsetof(struct abi_tcp_info, member) + sizeof(info->member))
#define LOAD_KINFO(member)		 = END(member) <= len ? info->member : 0
#define LOAD_KCAP(member)		 = END(member) <= len ? KNOWN(info->member) : 0
#define LOAD_KBITS(member, shift, width) = END(member) <= len ? BITS(info->member, shift, width) : 0
#define LOAD_KECN(part)			 = END(tcpi_ecn) <= len ? ecn.part : 0
#define LOAD_KECN7(part)		 LOAD_KECN(part)
	RECORD_FIELDS_TCP_INFO(LOAD)
#undef END
}

static bool decode_tcp_info(struct decoder *d, const struct attr *a)
{
	struct record *r = d->r;
	struct abi_tcp_info info = {0};
	bool u16 = d->options->accecn_u16;

	r->tcp_info_len = a->len;
	r->tcp_info_tail = (struct str){0};
	r->sections |= RECORD_HAS(TCP_INFO) | (u16 ? 0 : RECORD_PACKED_ECN);
	if (a->len < sizeof(info)) {
		memcpy(&info, a->payload, a->len);
		expand_tcp_info(r, &info, ecn_of(info.tcpi_ecn, u16), a->len);
		return true;
	}
	memcpy(&info, a->payload, sizeof(info));
	expand_tcp_info(r, &info, ecn_of(info.tcpi_ecn, u16), sizeof(info));
	if (a->len > sizeof(info)) {
		r->tcp_info_tail =
		    (struct str){(const char *)a->payload + sizeof(info), a->len - sizeof(info)};
		d->counts->info_tails++;
	}
	return true;
}

/* Attributes by number. Rows without a function are known and skipped. */
const struct attribute_policy attribute_policy[ABI_INET_DIAG_MAX + 1] = {
    [INET_DIAG_MEMINFO] = {"meminfo", sizeof(struct inet_diag_meminfo), INET_DIAG_MEMINFO, decode_meminfo},
    [INET_DIAG_INFO] = {"info", 1, INET_DIAG_INFO, decode_tcp_info},
    [INET_DIAG_VEGASINFO] = {"vegas", sizeof(struct tcpvegas_info), INET_DIAG_VEGASINFO, decode_vegas},
    [INET_DIAG_CONG] = {"cong", 1, INET_DIAG_CONG, decode_cong},
    [INET_DIAG_TOS] = {"tos", sizeof(uint8_t), INET_DIAG_TOS, decode_tos},
    [INET_DIAG_TCLASS] = {"tc", sizeof(uint8_t), INET_DIAG_TCLASS, decode_tclass},
    [INET_DIAG_SKMEMINFO] = {"skmem", sizeof(uint32_t[ABI_SK_MEMINFO_VARS]), INET_DIAG_SKMEMINFO,
			     decode_skmeminfo},
    [INET_DIAG_SHUTDOWN] = {"shut", sizeof(uint8_t), INET_DIAG_SHUTDOWN, decode_shutdown},
    [INET_DIAG_DCTCPINFO] = {"dctcp", sizeof(struct tcp_dctcp_info), INET_DIAG_VEGASINFO, decode_dctcp},
    [INET_DIAG_SKV6ONLY] = {"v6only", sizeof(uint8_t), 0, decode_v6only},
    [INET_DIAG_BBRINFO] = {"bbr", sizeof(struct tcp_bbr_info), INET_DIAG_VEGASINFO, decode_bbr},
    [INET_DIAG_CLASS_ID] = {"classid", sizeof(uint32_t), INET_DIAG_TCLASS, decode_class_id},
    [INET_DIAG_MD5SIG] = {NULL},
    [INET_DIAG_ULP_INFO] = {"ulp", 0, 0, decode_ulp},
    [INET_DIAG_CGROUP_ID] = {"cgroup", sizeof(uint64_t), 0, decode_cgroup},
    [INET_DIAG_SOCKOPT] = {"sockopt", sizeof(uint16_t), 0, decode_sockopt},
};
static_assert(ARRAY_SIZE(attribute_policy) == INET_DIAG_SOCKOPT + 1, "a row for each attribute");

/* Return the address: IPv4 is in the first word; IPv4-mapped IPv6 becomes IPv4. */
static struct str address_of(const uint8_t *p, uint8_t family)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (family == AF_INET)
		return (struct str){(const char *)p, 4};
	if (!memcmp(p, mapped, sizeof(mapped)))
		return (struct str){(const char *)p + sizeof(mapped), 4};
	return (struct str){(const char *)p, 16};
}

/* The base `v`, whose addresses are borrowed from p, the same bytes where they stay. */
static inline void expand_base(struct record *r, struct abi_inet_diag_msg v, const uint8_t *p)
{
	RECORD_FIELDS_DIAG(LOAD)
	r->inet_diag_msg_socket_source_port = ntohs(v.id.idiag_sport);
	r->inet_diag_msg_socket_destination_port = ntohs(v.id.idiag_dport);
	r->inet_diag_msg_socket_source =
	    address_of(p + offsetof(struct abi_inet_diag_msg, id.idiag_src), v.idiag_family);
	r->inet_diag_msg_socket_destination =
	    address_of(p + offsetof(struct abi_inet_diag_msg, id.idiag_dst), v.idiag_family);
	r->inet_diag_msg_socket_cookie = diag_cookie(v.id.idiag_cookie);
	r->inet_diag_msg_socket_dest_asn = 0;
	r->inet_diag_msg_socket_next_hop_asn = 0;
	r->inet_diag_attributes = 0;
	r->sections = (r->sections & KEPT_BITS) | RECORD_HAS(DIAG);
	if (v.idiag_inode || v.idiag_uid)
		r->sections |= RECORD_OWNED;
}

void decode_base(struct record *record, const struct abi_inet_diag_msg *base)
{
	expand_base(record, *base, (const uint8_t *)base);
}

static void decode_attribute(struct decoder *d, const struct attr *a)
{
	if (a->type < 64)
		d->r->inet_diag_attributes |= UINT64_C(1) << a->type;
	if (a->type > ABI_INET_DIAG_MAX) {
		d->counts->unknown_attributes++;
		return;
	}
	const struct attribute_policy *policy = &attribute_policy[a->type];

	if (!policy->decode || !(d->options->attributes >> a->type & 1))
		return;
	if (a->len < policy->min || !policy->decode(d, a))
		d->counts->bad_attributes++;
}

void decode_value(const struct decode_options *options, uint16_t type, const void *payload, uint16_t len,
		  struct record *record, struct decode_counts *counts)
{
	struct decoder d = {options, record, counts};

	decode_attribute(&d, &(struct attr){type, len, payload});
}

int decode_inet_diag(const struct nlmsghdr *nlh, size_t len, const struct decode_options *options,
		     struct record *record, struct decode_counts *counts)
{
	const size_t base = NLMSG_HDRLEN + sizeof(struct abi_inet_diag_msg);
	const uint8_t *p = (const uint8_t *)nlh;
	struct nlmsghdr header;

	if (len < base) {
		counts->short_messages++;
		return -EBADMSG;
	}
	memcpy(&header, p, sizeof(header));
	if (header.nlmsg_len < base) {
		counts->short_messages++;
		return -EBADMSG;
	}
	if (len > header.nlmsg_len)
		len = header.nlmsg_len;
	if (p[NLMSG_HDRLEN] != AF_INET && p[NLMSG_HDRLEN] != AF_INET6) {
		counts->bad_family++;
		return -EBADMSG;
	}
	struct decoder d = {options, record, counts};
	struct nl_walk walk = {p + base, len - base};
	struct abi_inet_diag_msg v;
	struct attr a;

	memcpy(&v, p + NLMSG_HDRLEN, sizeof(v));
	expand_base(record, v, p + NLMSG_HDRLEN);
	attr_for_each (a, walk)
		decode_attribute(&d, &a);
	if (walk.left)
		counts->bad_attributes++;
	return 0;
}
