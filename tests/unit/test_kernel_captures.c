/* SPDX-License-Identifier: MIT */
/*
 * The decoder over captures of several kernels, made by the guest's check EQUALS_KERNEL (tests/data/README.md), each with
 * what ss(8) of the guest printed for the same sockets: every value that ss shows is the record's.
 */
#include "unit.h"

#include <linux/inet_diag.h>
#include <stdio.h>

#include "record/format.h"
#include "replay_records.h"
#include "tools/ss_output.h"

#define TCP_STATE_CLOSE 7 /* sockets that are bound only, which ss of these guests does not show */

#define SOCKETS_MAX 256
#define LINE_MAX    2048

static struct {
	char line[SOCKETS_MAX][LINE_MAX];
	bool seen[SOCKETS_MAX];
	size_t count;
	uint32_t info_len; /* of each record that has tcp_info */
	uint64_t values;
	size_t moved; /* records of sockets whose timer ran during the capture: without a line */
} ss;

static const struct record_field *field_named(const char *name)
{
	const struct record_field *f = record_field_find(name, strlen(name));

	assert_non_null(f);
	return f;
}

static uint64_t number(void *data, const char *field)
{
	const struct record_field *f = field_named(field);

	return record_field_present(data, f) ? record_field_number(data, f) : 0;
}

static void same_value(void *data, const char *field, const char *want)
{
	const struct record_field *f = field_named(field);
	const struct record *r = data;
	struct buf b = {0};

	/* Before Linux 6.15 the kernel tells it to those with CAP_NET_ADMIN only, to ss and not to the daemon. */
	if (!strcmp(field, "ulp_name") && !(r->inet_diag_attributes >> INET_DIAG_ULP_INFO & 1))
		return;
	ss.values++;
	if (record_field_present(r, f))
		format_field(&b, r, f);
	else if (!strcmp(want, "0"))
		buf_str(&b, "0"); /* what has no owner has user 0 for ss */
	if (strcmp(buf_cstr(&b), want) != 0)
		print_error("%s\n", field);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void check_record(void *data, struct record *r)
{
	size_t i = 0;

	if (r->sections & RECORD_HAS(TCP_INFO))
		assert_int_equal(r->tcp_info_len, ss.info_len);
	if (r->inet_diag_msg_state == TCP_STATE_CLOSE)
		return;
	while (i < ss.count && ss_line_cookie(ss.line[i]) != r->inet_diag_msg_socket_cookie)
		i++;
	if (i == ss.count) {
		ss.moved++;
		return;
	}
	ss.seen[i] = true;
	ss_line_walk(ss.line[i], same_value, number, r);
}

static void read_ss(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	memset(&ss, 0, sizeof(ss));
	assert_non_null(f);
	while (ss.count < SOCKETS_MAX && fgets(ss.line[ss.count], LINE_MAX, f)) {
		ss.line[ss.count][strcspn(ss.line[ss.count], "\n")] = '\0';
		ss.count++;
	}
	assert_true(ss.count > 20 && ss.count < SOCKETS_MAX);
}

static void captures_of_each_kernel_agree_with_ss(void **state)
{
	static const struct {
		const char *kernel;
		uint32_t info_len;
		bool accecn_u16;
	} kernels[] = {
	    {"5.10", 232, false}, {"6.1", 232, false},	     {"6.12", 248, false},	{"6.18", 280, true},
	    {"7.2", 280, false},  {"6.1-arm64", 232, false}, {"6.1-s390x", 232, false},
	};

	for (size_t k = 0; k < ARRAY_SIZE(kernels); k++) {
		char path[200];

		snprintf(path, sizeof(path), "tests/data/equals-kernel-%s.ss", kernels[k].kernel);
		read_ss(path);
		ss.info_len = kernels[k].info_len;
		snprintf(path, sizeof(path), "tests/data/equals-kernel-%s.pcap", kernels[k].kernel);
		const struct decode_options options = {.attributes = UINT64_MAX,
						       .accecn_u16 = kernels[k].accecn_u16};
		struct replay_result result = replay_with(&options, path, check_record, NULL);
		assert_int_equal(result.damaged + result.decode.bad_attributes +
				     result.decode.unknown_attributes + result.decode.info_tails,
				 0);
		for (size_t i = 0; i < ss.count; i++)
			assert_true(ss.seen[i]);
		assert_true(ss.values > 20 * ss.count);
		assert_true(ss.moved < 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(captures_of_each_kernel_agree_with_ss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
