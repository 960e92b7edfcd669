/* SPDX-License-Identifier: MIT */
/* The decoder on hand-made messages: one pitfall per test. */
#include "unit.h"

#include <arpa/inet.h>

#include "message.h"
#include "record/decode.h"
#include "record/encoder.h"
#include "record/kernel_abi.h"

/* Bit-fields begin at the low end of their word, numbers with their low byte. */
#define LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static const struct decode_options all = {.attributes = UINT64_MAX};

struct decoded {
	struct record r;
	struct decode_counts counts;
	int err;
};

/* Decode into a record with old values, as a reused one has. */
static struct decoded decode(struct message *m, const struct decode_options *options)
{
	struct decoded d = {0};

	memset(&d.r, 0xa5, sizeof(d.r));
	d.err = decode_inet_diag(&m->header, m->header.nlmsg_len, options, &d.r, &d.counts);
	return d;
}

static bool has(const struct record *r, uint32_t section_bit)
{
	return r->sections & section_bit;
}

static void addresses_and_ports(void **state)
{
	static const struct {
		uint8_t family;
		uint8_t source[16];
		uint32_t len;
		uint8_t want[16];
	} cases[] = {
	    {AF_INET, {10, 1, 2, 3, 99, 99}, 4, {10, 1, 2, 3}},
	    {AF_INET6, {[10] = 0xff, 0xff, 10, 1, 2, 3}, 4, {10, 1, 2, 3}},
	    {AF_INET6, {0x20, 1, 0x0d, 0xb8, [15] = 1}, 16, {0x20, 1, 0x0d, 0xb8, [15] = 1}},
	    {AF_INET6, {0}, 16, {0}},
	    {AF_INET, {0}, 4, {0}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message m;

		message_begin(&m, cases[i].family, 1);
		memcpy(message_base(&m)->id.idiag_src, cases[i].source, 16);
		message_base(&m)->id.idiag_sport = htons(443);
		message_base(&m)->id.idiag_dport = htons(50000);
		message_base(&m)->id.idiag_cookie[0] = 0x89abcdef;
		message_base(&m)->id.idiag_cookie[1] = 0x01234567;
		struct decoded d = decode(&m, &all);
		assert_int_equal(d.err, 0);
		assert_int_equal(d.r.inet_diag_msg_family, cases[i].family);
		assert_int_equal(d.r.inet_diag_msg_socket_source.len, cases[i].len);
		assert_memory_equal(d.r.inet_diag_msg_socket_source.p, cases[i].want, cases[i].len);
		assert_int_equal(d.r.inet_diag_msg_socket_source_port, 443);
		assert_int_equal(d.r.inet_diag_msg_socket_destination_port, 50000);
		assert_true(d.r.inet_diag_msg_socket_cookie == UINT64_C(0x0123456789abcdef));
		assert_int_equal(d.r.inet_diag_msg_socket_dest_asn, 0);
		assert_int_equal(d.r.inet_diag_msg_socket_next_hop_asn, 0);
	}
}

/* Each length that a kernel could send: completely received fields are present, others absent and zero. */
static void tcp_info_of_every_length(void **state)
{
	uint8_t info[300];
	struct message m;

	for (size_t i = 0; i < sizeof(info); i++)
		info[i] = i + 1;
	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_INFO, info, sizeof(info));
	struct decoded whole = decode(&m, &all);
	assert_int_equal(whole.counts.info_tails, 1);
	assert_int_equal(whole.r.tcp_info_tail.len, sizeof(info) - sizeof(struct abi_tcp_info));
	assert_memory_equal(whole.r.tcp_info_tail.p, info + sizeof(struct abi_tcp_info),
			    whole.r.tcp_info_tail.len);
	for (size_t len = 1; len <= sizeof(info); len++) {
		size_t present = 0;

		message_begin(&m, AF_INET, 1);
		message_attr(&m, INET_DIAG_INFO, info, len);
		struct decoded d = decode(&m, &all);
		assert_int_equal(d.r.tcp_info_len, len);
		for (size_t i = 0; i < record_field_count; i++) {
			const struct record_field *f = &record_fields[i];
			uint64_t want = f->info_end <= len ? record_field_number(&whole.r, f) : 0;

			if (!f->info_end)
				continue;
			present += record_field_present(&d.r, f);
			assert_int_equal(record_field_present(&d.r, f), f->info_end <= len);
			assert_true(record_field_number(&d.r, f) == want);
		}
		assert_true(present > 0 && d.counts.bad_attributes == 0);
	}
	assert_int_equal(whole.r.tcp_info_state, 1);
	assert_int_equal(whole.r.tcp_info_send_scale, LITTLE ? 7 : 0);
	assert_int_equal(whole.r.tcp_info_rcv_scale, LITTLE ? 0 : 7);
	assert_int_equal(whole.r.tcp_info_total_rto, LITTLE ? 0xf2f1 : 0xf1f2);
}

/* All ones is the kernel's "no limit" and "not measured": absent, and 0 on the wire. */
static void all_ones_are_absent(void **state)
{
	struct abi_tcp_info info = {.tcpi_pacing_rate = UINT64_MAX,
				    .tcpi_max_pacing_rate = UINT64_MAX,
				    .tcpi_min_rtt = UINT32_MAX,
				    .tcpi_snd_ssthresh = INT32_MAX};
	struct tcp_bbr_info bbr = {.bbr_min_rtt = UINT32_MAX};
	static const char *const absent[] = {"tcp_info_pacing_rate", "tcp_info_max_pacing_rate",
					     "tcp_info_min_rtt", "bbr_info_min_rtt"};
	struct message m;

	for (int known = 0; known < 2; known++) {
		if (known) {
			info.tcpi_pacing_rate = UINT64_MAX - 1;
			info.tcpi_max_pacing_rate = info.tcpi_min_rtt = bbr.bbr_min_rtt = 1;
		}
		message_begin(&m, AF_INET, 1);
		message_attr(&m, INET_DIAG_INFO, &info, sizeof(info));
		message_attr(&m, INET_DIAG_BBRINFO, &bbr, sizeof(bbr));
		struct decoded d = decode(&m, &all);
		for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
			const struct record_field *f = record_field_find(absent[i], strlen(absent[i]));
			assert_int_equal(record_field_present(&d.r, f), known);
			assert_int_equal(record_field_zero(&d.r, f), !known);
		}
		assert_true(d.r.tcp_info_pacing_rate == (known ? UINT64_MAX - 1 : 0));
		assert_int_equal(d.r.tcp_info_snd_ssthresh, INT32_MAX);
	}
}

static void both_layouts_of_the_ecn_word(void **state)
{
	static const struct decode_options u16 = {.attributes = UINT64_MAX, .accecn_u16 = true};
	struct abi_tcp_info info = {0};
	struct message m;

	/* two u16 on 6.18; ecn_mode 2, opt_seen 1, fail_mode 3, options2 0x000102 on 7.0 */
	info.tcpi_ecn = LITTLE ? 0x00010236 : 0x93000102;
	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_INFO, &info, sizeof(info));
	struct decoded d = decode(&m, &all);
	assert_int_equal(d.r.tcp_info_ecn_mode, 2);
	assert_int_equal(d.r.tcp_info_accecn_opt_seen, 1);
	assert_int_equal(d.r.tcp_info_accecn_fail_mode, 3);
	assert_int_equal(d.r.tcp_info_options2, 0x0102);
	assert_true(has(&d.r, RECORD_PACKED_ECN));
	d = decode(&m, &u16);
	assert_int_equal(d.r.tcp_info_accecn_fail_mode, LITTLE ? 0x0236 : 0x9300);
	assert_int_equal(d.r.tcp_info_accecn_opt_seen, LITTLE ? 0x0001 : 0x0102);
	assert_int_equal(d.r.tcp_info_ecn_mode + d.r.tcp_info_options2, 0);
	assert_false(has(&d.r, RECORD_PACKED_ECN));
}

/* TIME_WAIT, FIN_WAIT2 without an owner, SYN_RECV: only the base message, and uid 0 is not root. */
static void minisocks_have_no_owner(void **state)
{
	static const uint8_t states[][2] = {{6, 3}, {5, 3}, {3, 1}};
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		message_begin(&m, AF_INET, states[i][0]);
		message_base(&m)->idiag_timer = states[i][1];
		struct decoded d = decode(&m, &all);
		assert_int_equal(d.err, 0);
		assert_int_equal(d.r.sections & ~(RECORD_HAS(META) | RECORD_HAS(ENRICH)), RECORD_HAS(DIAG));
		assert_int_equal(d.r.inet_diag_attributes, 0);
	}
	message_begin(&m, AF_INET, 1);
	message_base(&m)->idiag_inode = 1;
	struct decoded owned = decode(&m, &all);
	assert_true(has(&owned.r, RECORD_OWNED));
}

static void algorithm_names(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint32_t cc, name_len; /* 0: damage */
	} cases[] = {
	    {"cubic", 6, RECORD_CC_CUBIC, 5},
	    {"cubic", 5, RECORD_CC_CUBIC, 5}, /* no NUL */
	    {"bbr\0junk", 8, RECORD_CC_BBR1, 3},
	    {"bbr3", 5, RECORD_CC_BBR3, 4},
	    {"bbr2", 5, RECORD_CC_BBR2, 4},
	    {"dctcp", 6, RECORD_CC_DCTCP, 5},
	    {"vegas", 6, RECORD_CC_VEGAS, 5},
	    {"prague", 7, RECORD_CC_PRAGUE, 6},
	    {"reno", 5, RECORD_CC_UNSPECIFIED, 4},
	    {"", 1, 0, 0},
	    {"cu\xff", 4, 0, 0},
	    {"cu\nbic", 7, 0, 0},
	    {"0123456789abcdef", 16, 0, 0}, /* no room for a NUL in the kernel's 16 bytes */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message m;

		message_begin(&m, AF_INET, 1);
		message_attr(&m, INET_DIAG_CONG, cases[i].bytes, cases[i].len);
		struct decoded d = decode(&m, &all);
		assert_int_equal(d.counts.bad_attributes, !cases[i].name_len);
		assert_int_equal(has(&d.r, RECORD_HAS(CONG)), !!cases[i].name_len);
		if (!cases[i].name_len)
			continue;
		assert_int_equal(d.r.congestion_algorithm_enum, cases[i].cc);
		assert_int_equal(d.r.congestion_algorithm_string.len, cases[i].name_len);
	}
}

static void ulp_name_is_nested(void **state)
{
	struct message inner, m;
	uint8_t *start = inner.bytes + NLMSG_LENGTH(sizeof(struct inet_diag_msg));

	message_begin(&inner, AF_INET, 1);
	message_attr(&inner, INET_ULP_INFO_NAME, "tls", 4);
	message_attr(&inner, INET_ULP_INFO_TLS, "xxxx", 4);
	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_ULP_INFO | NLA_F_NESTED, start,
		     inner.header.nlmsg_len - NLMSG_LENGTH(sizeof(struct inet_diag_msg)));
	struct decoded d = decode(&m, &all);
	assert_true(has(&d.r, RECORD_HAS(ULP)));
	assert_int_equal(d.r.ulp_name.len, 3);
	assert_memory_equal(d.r.ulp_name.p, "tls", 3);
}

/* A reused record does not keep the sections of the previous socket. */
static void sections_are_cleared(void **state)
{
	struct tcp_bbr_info bbr = {.bbr_bw_lo = 1, .bbr_bw_hi = 2};
	struct decode_counts counts = {0};
	struct record r = {.sections = RECORD_HAS(META)};
	struct message m;

	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_BBRINFO, &bbr, sizeof(bbr));
	message_attr(&m, INET_DIAG_TOS, "\x10", 1);
	message_base(&m)->idiag_uid = 1000;
	assert_int_equal(decode_inet_diag(&m.header, m.header.nlmsg_len, &all, &r, &counts), 0);
	assert_int_equal(r.sections, RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(BBR) | RECORD_HAS(TOS) |
					 RECORD_OWNED);
	assert_int_equal(r.bbr_info_bw_hi, 2);
	assert_int_equal(r.type_of_service, 0x10);
	assert_int_equal(r.inet_diag_attributes, 1 << INET_DIAG_BBRINFO | 1 << INET_DIAG_TOS);
	message_begin(&m, AF_INET, 1);
	assert_int_equal(decode_inet_diag(&m.header, m.header.nlmsg_len, &all, &r, &counts), 0);
	assert_int_equal(r.sections, RECORD_HAS(META) | RECORD_HAS(DIAG));
}

static void attributes_not_chosen_are_left_out(void **state)
{
	struct decode_options options = {0};
	uint8_t ext;
	char bad[32];
	struct message m;

	assert_int_equal(deserializers_parse("tos", &options.attributes, &ext, bad, sizeof(bad)), 0);
	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_CONG, "cubic", 6);
	message_attr(&m, INET_DIAG_TOS, "\x10", 1);
	message_attr(&m, 60, "x", 1);
	message_attr(&m, 1000, "x", 1);
	struct decoded d = decode(&m, &options);
	assert_false(has(&d.r, RECORD_HAS(CONG)));
	assert_true(has(&d.r, RECORD_HAS(TOS)));
	assert_int_equal(d.counts.unknown_attributes, 2);
	assert_true(d.r.inet_diag_attributes ==
		    (1 << INET_DIAG_CONG | 1 << INET_DIAG_TOS | UINT64_C(1) << 60));
}

/* An attribute that is too short is counted and its section absent; the others are decoded. */
static void short_attributes_are_damage(void **state)
{
	static const uint16_t types[] = {INET_DIAG_MEMINFO,  INET_DIAG_INFO,	  INET_DIAG_VEGASINFO,
					 INET_DIAG_CONG,     INET_DIAG_TCLASS,	  INET_DIAG_SKMEMINFO,
					 INET_DIAG_SHUTDOWN, INET_DIAG_DCTCPINFO, INET_DIAG_SKV6ONLY,
					 INET_DIAG_BBRINFO,  INET_DIAG_CLASS_ID,  INET_DIAG_CGROUP_ID,
					 INET_DIAG_SOCKOPT};
	struct message m;

	message_begin(&m, AF_INET, 1);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		message_attr(&m, types[i], "", 0);
	message_attr(&m, INET_DIAG_TOS, "\x10", 1);
	struct decoded d = decode(&m, &all);
	assert_int_equal(d.err, 0);
	assert_int_equal(d.counts.bad_attributes, ARRAY_SIZE(types));
	assert_int_equal(d.r.sections & ~(RECORD_HAS(META) | RECORD_HAS(ENRICH)),
			 RECORD_HAS(DIAG) | RECORD_HAS(TOS));
}

static void damaged_messages(void **state)
{
	struct decode_counts counts = {0};
	struct record r;
	struct message m;

	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_TOS, "\x10", 1);
	for (size_t len = 0; len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)); len++)
		assert_int_equal(decode_inet_diag(&m.header, len, &all, &r, &counts), -EBADMSG);
	assert_int_equal(counts.short_messages, NLMSG_LENGTH(sizeof(struct inet_diag_msg)));
	/* the received length counts, not the header's */
	size_t len = m.header.nlmsg_len;
	m.header.nlmsg_len = 4000;
	assert_int_equal(decode_inet_diag(&m.header, len, &all, &r, &counts), 0);
	assert_int_equal(r.type_of_service, 0x10);
	assert_int_equal(decode_inet_diag(&m.header, len - 4, &all, &r, &counts), 0);
	assert_int_equal(counts.bad_attributes, 1);
	m.header.nlmsg_len = 20;
	assert_int_equal(decode_inet_diag(&m.header, len, &all, &r, &counts), -EBADMSG);
	message_begin(&m, AF_UNIX, 1);
	assert_int_equal(decode(&m, &all).err, -EBADMSG);
	assert_int_equal(decode(&m, &all).counts.bad_family, 1);
}

/* No format writes the keys of a privileged dump. */
static void md5_keys_never_come_out(void **state)
{
	static const char key[] = "canary-key-canary";
	struct message m;

	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_MD5SIG, key, sizeof(key));
	message_attr(&m, INET_DIAG_CONG, "cubic", 6);
	struct decoded d = decode(&m, &all);
	d.r.sections &= ~(RECORD_HAS(META) | RECORD_HAS(ENRICH));
	assert_int_equal(d.counts.unknown_attributes, 0);
	for (const struct encoder_ops *ops = encoder_table; ops->name; ops++) {
		struct encoder e;
		struct buf b = {0};
		char error[100];

		assert_int_equal(encoder_init(&e, ops->name, NULL, error, sizeof(error)), 0);
		e.ops->begin(&e, &b);
		e.ops->row(&e, &b, &d.r);
		e.ops->end(&e, &b);
		assert_non_null(memmem(b.data, b.len, "cubic", 5));
		assert_null(memmem(b.data, b.len, "canary", 6));
		buf_free(&b);
		encoder_free(&e);
	}
}

static void deserializer_lists(void **state)
{
	static const struct {
		const char *list;
		uint8_t ext;
	} cases[] = {
	    {"default", 0xfe},
	    {"all", 0xff},
	    {"none", 0},
	    {"info", 1 << (INET_DIAG_INFO - 1)},
	    {"bbr", 1 << (INET_DIAG_VEGASINFO - 1)},
	    {"dctcp", 1 << (INET_DIAG_VEGASINFO - 1)},
	    {"classid", 1 << (INET_DIAG_TCLASS - 1)},
	    {"cgroup,sockopt", 0},
	    {"info,cong,tos",
	     1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_TOS - 1)},
	};
	uint64_t attributes;
	uint8_t ext;
	char bad[400];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(deserializers_parse(cases[i].list, &attributes, &ext, bad, sizeof(bad)), 0);
		assert_int_equal(ext, cases[i].ext);
	}
	assert_int_equal(deserializers_parse("info,rtt", &attributes, &ext, bad, sizeof(bad)), -EINVAL);
	assert_non_null(strstr(bad, "unknown name \"rtt\"; possible: default, all, none, or a list of: "));
	assert_int_equal(deserializers_parse("info,", &attributes, &ext, bad, sizeof(bad)), -EINVAL);
	size_t n = 0;
	for (; deserializer_name(n); n++) {
		assert_int_equal(
		    deserializers_parse(deserializer_name(n), &attributes, &ext, bad, sizeof(bad)), 0);
		assert_int_equal(__builtin_popcountll(attributes), 1);
	}
	assert_int_equal(n, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_and_ports),
	    cmocka_unit_test(tcp_info_of_every_length),
	    cmocka_unit_test(all_ones_are_absent),
	    cmocka_unit_test(both_layouts_of_the_ecn_word),
	    cmocka_unit_test(minisocks_have_no_owner),
	    cmocka_unit_test(algorithm_names),
	    cmocka_unit_test(ulp_name_is_nested),
	    cmocka_unit_test(sections_are_cleared),
	    cmocka_unit_test(attributes_not_chosen_are_left_out),
	    cmocka_unit_test(short_attributes_are_damage),
	    cmocka_unit_test(damaged_messages),
	    cmocka_unit_test(md5_keys_never_come_out),
	    cmocka_unit_test(deserializer_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
