/* SPDX-License-Identifier: MIT */
/* The language of filters: what passes, what is refused and where; and the part that the kernel gets. */
#include "unit.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/chunk_filter.h"
#include "base/cleanup.h"
#include "filter/filter.h"
#include "grpc/grpc_proto.h"
#include "record/encoder.h"
#include "source/bytecode.h"

/* A connection of an ordinary host: 10.1.2.3:40000 to 192.0.2.7:443, 80 ms away. */
static struct record connection(void)
{
	static const uint8_t source[] = {10, 1, 2, 3}, destination[] = {192, 0, 2, 7};
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO) |
				       RECORD_HAS(CONG) | RECORD_OWNED};

	r.netns = str_of("web-1");
	r.container_name = str_of("shop");
	r.container_id = str_of("0123456789abcdef");
	r.inet_diag_msg_family = AF_INET;
	r.inet_diag_msg_state = 1;
	r.inet_diag_msg_socket_source = (struct str){(const char *)source, 4};
	r.inet_diag_msg_socket_destination = (struct str){(const char *)destination, 4};
	r.inet_diag_msg_socket_source_port = 40000;
	r.inet_diag_msg_socket_destination_port = 443;
	r.inet_diag_msg_wqueue = 1500000;
	r.tcp_info_len = 240;
	r.tcp_info_rtt = 80000;
	r.tcp_info_last_data_sent = 1500;
	r.congestion_algorithm_string = str_of("cubic");
	return r;
}

/* As above over IPv6, from an address that is IPv4-mapped or not. */
static struct record connection6(bool mapped)
{
	static const uint8_t source[16] = {0xfe, 0x80, [15] = 1}, four[] = {10, 1, 2, 3};
	struct record r = connection();

	r.inet_diag_msg_family = AF_INET6;
	r.inet_diag_msg_socket_source =
	    mapped ? (struct str){(const char *)four, 4} : (struct str){(const char *)source, 16};
	return r;
}

static bool passes(const char *text, const struct record *r)
{
	char error[400];
	struct filter *f = filter_new(text, error, sizeof(error));

	if (*error)
		fail_msg("%s: %s", text, error);
	assert_non_null(f);
	bool pass = filter_match(f, r);
	filter_free(f);
	return pass;
}

static void yes(const char *const *texts, const struct record *r)
{
	for (; *texts; texts++) {
		if (!passes(*texts, r))
			fail_msg("does not pass: %s", *texts);
	}
}

static void no(const char *const *texts, const struct record *r)
{
	for (; *texts; texts++) {
		if (passes(*texts, r))
			fail_msg("passes: %s", *texts);
	}
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expressions_of_ss(void **state)
{
	struct record r = connection();

	yes(TEXTS("dport = :443", "dport :443", "dport == 443", "dport eq :443", "dport = :https",
		  "dport = :443 and not src 192.0.0.0/8",
		  "( dport = :443 or dport = :80 ) and src 10.0.0.0/8", "dport = :443 src 10.1.2.3",
		  "sport > :1024", "sport ge :40000 && sport <= :40000", "dst 192.0.2.7:443",
		  "dst 192.0.2.7:*", "dst *:443", "dst :443", "dst = 192.0.2.0/24:https", "src != 192.0.2.7",
		  "! dport = :80", "not ! dport = :443", "state established",
		  "state established state listening", "state connected dport 443", "exclude time-wait",
		  "state ESTAB,close", "state = established", "state != listening", "dport = :400-450",
		  "dport != :500-600", "dport=:443&!src=192.0.2.7|dport=:80", "src 0.0.0.0/0"),
	    &r);
	no(TEXTS("dport = :80", "dport != :443", "dport lt :443", "sport < 40000", "dport > :443",
		 "src 10.0.0.0/16", "src 10.1.2.3:1", "not dport = :443", "state listening",
		 "exclude established exclude closed", "state != established", "dport = :443 and sport = :1",
		 "(dport = :443 or sport = :1) and state bucket", "src ::/0", "dst [::1]:443",
		 "dport > :65535", "dport < :0"),
	   &r);
}

/* And binds closer than or; a not holds for one term. */
static void precedence(void **state)
{
	struct record r = connection();

	yes(TEXTS("dport = :443 or dport = :80 and sport = :1", "not dport = :80 and sport = :40000"), &r);
	no(TEXTS("(dport = :443 or dport = :80) and sport = :1", "not (dport = :80 or sport = :40000)"), &r);
}

static void addresses_of_ipv6(void **state)
{
	struct record r = connection6(false), mapped = connection6(true);

	yes(TEXTS("src fe80::/10", "src [fe80::]/10", "src [fe80::/10]", "src [fe80::1]:40000", "src fe80::1",
		  "src ::/0"),
	    &r);
	no(TEXTS("src ::1", "src [fe80::1]:1", "src 0.0.0.0/0", "src fec0::/10"), &r);
	/* As the kernel: mapped addresses belong to both families. */
	yes(TEXTS("src 10.1.2.3", "src ::ffff:10.1.2.3", "src ::/0", "src 10.0.0.0/8"), &mapped);
}

static void fields_and_units(void **state)
{
	struct record r = connection();

	yes(TEXTS("rtt > 50ms", "rtt = 80ms", "rtt >= 80000us", "tcp_info_rtt < 1s", "lastsnd > 1s",
		  "lastsnd = 1500ms", "sendq > 1M", "sendq = 1.5M", "sendq = 1500KB", "sendq > 1Mi",
		  "cc = cubic", "cc != reno", "netns = web-*", "netns = 'web-1'", "netns = w?b-1",
		  "container = shop", "container = 0123456789ab", "container != shopping", "uid = 0",
		  "rtt > 50ms and netns = web-1"),
	    &r);
	no(TEXTS("rtt > 80ms", "sendq >= 1500001", "netns = web", "netns != web-*", "container = 012",
		 "container = hop", "cc = cub", "netns = *-2"),
	   &r);
}

/* A socket in TIME_WAIT has no round-trip time: neither small nor large. */
static void an_absent_field_compares_false(void **state)
{
	struct record r = connection();

	r.sections = RECORD_HAS(META) | RECORD_HAS(DIAG);
	no(TEXTS("rtt > 0s", "rtt < 1s", "rtt != 1ms", "uid = 0", "cc = cubic"), &r);
	yes(TEXTS("not rtt < 1s"), &r);
}

static void mistakes_have_a_place(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"dprot = :443",
	     "at 1, \"dprot\": is not a field; `xtcp2 fields` lists them; did you mean dport?"},
	    {"xyz = 1", "at 1, \"xyz\": is not a field; `xtcp2 fields` lists them"},
	    {"dport = :443 and", "at 17, the end: a comparison is missing here"},
	    {"(dport = :443", "at 14, the end: a closing parenthesis is missing here"},
	    {"dport = :443)", "at 13, \")\": the filter ends before it"},
	    {"dport = :99999", "at 9, \":99999\": is not a port: say :443, :https or :8000-8099"},
	    {"dport = :90-80", "at 9, \":90-80\": is a range that ends before it begins"},
	    {"src 10.0.0.0/33",
	     "at 5, \"10.0.0.0/33\": is not an address: say 10.0.0.0/8, 10.0.0.1:443, [::1]:443 or :443; "
	     "names are not looked up"},
	    {"rtt > 50", "at 7, \"50\": is not a time with its unit: say 50ms, 200us or 1.5s"},
	    {"rtt 50ms", "at 5, \"50ms\": a comparison is missing after rtt: say rtt = ... or rtt > ..."},
	    {"sendq > 1X", "at 9, \"1X\": is not a number: say 100, 1.5M or 64Ki"},
	    {"state bogus", "at 7, \"bogus\": is not a state: say established, syn-sent, time-wait, "
			    "listening, connected, all and the like"},
	    {"netns > a", "at 9, \"a\": netns is compared with = and != only"},
	    {"netns = 'a", "at 9, \"'\": the quote does not end"},
	    {"tcp_info_tail = 1", "at 1, \"tcp_info_tail\": cannot be compared"},
	    {"dport = and", "at 9, \"and\": a value for dport is missing here"},
	};
	char error[400];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_null(filter_new(cases[i].text, error, sizeof(error)));
		assert_string_equal(error, cases[i].error);
	}
	assert_null(filter_new(" \t", error, sizeof(error)));
	assert_string_equal(error, "");
}

static void bounds(void **state)
{
	char text[FILTER_TEXT_MAX + 10] = "", error[400];

	memset(text, '(', FILTER_DEPTH_MAX + 1);
	assert_null(filter_new(text, error, sizeof(error)));
	assert_non_null(strstr(error, "parentheses"));
	memset(text, 0, sizeof(text));
	for (size_t i = 0; i <= FILTER_NODES_MAX / 2; i++)
		memcpy(text + i * 9, "sport :1 ", 9);
	assert_null(filter_new(text, error, sizeof(error)));
	assert_non_null(strstr(error, "more than 256"));
	memset(text, 'a', FILTER_TEXT_MAX);
	assert_null(filter_new(text, error, sizeof(error)));
	assert_string_equal(error, "longer than 4095 bytes");
}

static struct bytecode code(const char *text)
{
	struct bytecode b;
	char error[400];
	struct filter *f = filter_new(text, error, sizeof(error));

	bytecode_make(&b, f);
	filter_free(f);
	return b;
}

#define ONLY(n) (UINT32_C(1) << (n))

static void the_kernel_gets_its_part(void **state)
{
	assert_int_equal(code("rtt > 50ms").len, 0);
	assert_int_equal(code("rtt > 50ms or dport = :443").len, 0);
	assert_int_equal(code("not (rtt > 50ms and dport = :443)").len, 0);
	assert_int_equal(code("rtt > 50ms and dport = :443").len, code("dport = :443").len);
	assert_int_equal(code("not (rtt > 50ms or dport = :443)").len, code("not dport = :443").len);
	assert_int_equal(code("dport = :443").states, UINT32_MAX);
	assert_int_equal(code("state established and rtt > 1ms").states, ONLY(1));
	assert_int_equal(code("state established or rtt > 1ms").states, UINT32_MAX);
	assert_int_equal(code("not (state established or rtt > 1ms)").states, ~ONLY(1));
	assert_int_equal(code("state syn-recv").states, ONLY(3) | ONLY(12));
	bytecode_make(&(struct bytecode){0}, NULL);
}

/* The largest filter of prefixes fits. */
static void the_largest_program_fits(void **state)
{
	char text[FILTER_TEXT_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < FILTER_NODES_MAX / 3; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s!src fe80::1:%zu", i ? "|" : "", i);
	struct bytecode b = code(text);
	assert_true(b.len > 2000);
	assert_true(b.len <= BYTECODE_MAX);
}

/* Append a FlatRecordsResponse with a record that goes to this port. */
static void response(struct buf *b, uint32_t port)
{
	struct record r = connection();
	struct buf wire = {0};
	uint8_t prefix[GRPC_PREFIX];

	r.inet_diag_msg_socket_destination_port = port;
	wire_encode(&wire, &r);
	assert_true(wire.len >= 1 && wire.len <= 16383); /* a length of two bytes, padded at need */
	grpc_prefix_put(prefix, (uint32_t)wire.len + 3);
	buf_append(b, prefix, sizeof(prefix));
	buf_byte(b, 0x0a);
	buf_byte(b, (uint8_t)(wire.len | 0x80));
	buf_byte(b, (uint8_t)(wire.len >> 7));
	buf_append(b, wire.data, wire.len);
	buf_free(&wire);
}

/* A stream with a filter gets the messages that pass, whole and in order, and others nothing. */
static void a_stream_gets_what_passes(void **state)
{
	struct buf all = {0}, some = {0};
	char error[400];
	uint32_t kept;

	response(&all, 443);
	response(&all, 80);
	response(&all, 443);
	response(&some, 443);
	response(&some, 443);
	struct grpc_chunk *chunk = grpc_chunk_new(NULL, all.len, 3);
	assert_non_null(chunk);
	memcpy(chunk->data, all.data, all.len);
	struct filter *f = filter_new("dport = :443", error, sizeof(error));
	struct grpc_chunk *part = chunk_filter(NULL, chunk, f, &kept);
	assert_non_null(part);
	assert_int_equal(kept, 2);
	assert_int_equal(part->messages, 2);
	assert_int_equal(part->len, some.len);
	assert_memory_equal(part->data, some.data, some.len);
	grpc_chunk_unref(part);
	filter_free(f);
	f = filter_new("dport = :1", error, sizeof(error));
	assert_null(chunk_filter(NULL, chunk, f, &kept));
	assert_int_equal(kept, 0);
	filter_free(f);
	grpc_chunk_unref(chunk);
	buf_free(&all);
	buf_free(&some);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expressions_of_ss),
	    cmocka_unit_test(precedence),
	    cmocka_unit_test(addresses_of_ipv6),
	    cmocka_unit_test(fields_and_units),
	    cmocka_unit_test(an_absent_field_compares_false),
	    cmocka_unit_test(mistakes_have_a_place),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(the_kernel_gets_its_part),
	    cmocka_unit_test(the_largest_program_fits),
	    cmocka_unit_test(a_stream_gets_what_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
