/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"

static void duration_reads_go_style(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
	    {"0", 0},
	    {"0s", 0},
	    {"10s", 10 * NS_PER_SEC},
	    {"250ms", 250 * NS_PER_MS},
	    {"1h30m", 5400 * NS_PER_SEC},
	    {"1.5s", 1500 * NS_PER_MS},
	    {".5s", 500 * NS_PER_MS},
	    {"1us", 1000},
	    {"7ns", 7},
	};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t ns = -1;
		assert_int_equal(duration_parse(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	static const char *const bad[] = {"", "10", "s", "-1s", "1 s", "1s ", "1d", "1sx", "."};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ns;
		assert_int_equal(duration_parse(bad[i], &ns), -EINVAL);
	}
	int64_t ns;
	assert_int_equal(duration_parse("99999999999h", &ns), -ERANGE);
	assert_int_equal(duration_parse("99999999999999999999ns", &ns), -ERANGE);
}

static void duration_writes_what_it_reads(void **state)
{
	static const int64_t values[] = {
	    0, 1, 999, NS_PER_MS, 1500 * NS_PER_MS, 5400 * NS_PER_SEC, 86399 * NS_PER_SEC + 1};
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char text[DURATION_TEXT_MAX];
		int64_t ns = -1;
		assert_int_equal(duration_parse(duration_format(values[i], text), &ns), 0);
		assert_int_equal(ns, values[i]);
	}
}

static void buf_grows_consumes_and_fails_once(void **state)
{
	struct buf b = {0};

	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	assert_true(buf_ok(&b));
	assert_memory_equal(b.data, "0,1,2,", 6);
	buf_consume(&b, 4);
	assert_memory_equal(b.data, "2,", 2);
	assert_false(buf_reserve(&b, (size_t)BUF_MAX * 2));
	buf_str(&b, "refused");
	assert_false(buf_ok(&b));
	buf_reset(&b);
	buf_str(&b, "ok");
	assert_string_equal(buf_cstr(&b), "ok");
	buf_free(&b);
}

/* A line that comes again and again hides no other one. */
static void a_repeated_line_hides_no_other(void **state)
{
	struct log_repeat limit = {0};
	uint64_t suppressed = 99;
	char text[16];

	assert_true(log_repeat_pass(&limit, INT64_C(1) << 60, "harmless", 8, &suppressed));
	assert_int_equal(suppressed, 0);
	for (int i = 0; i < 10; i++)
		assert_false(log_repeat_pass(&limit, INT64_C(1) << 60, "harmless", 8, &suppressed));
	assert_true(log_repeat_pass(&limit, INT64_C(1) << 60, "important", 9, &suppressed));
	assert_int_equal(suppressed, 10);
	/* The number of texts is bounded as well. */
	int passed = 2;
	for (int i = 0; i < 100; i++) {
		int n = snprintf(text, sizeof(text), "text %d", i);
		passed += log_repeat_pass(&limit, INT64_C(1) << 60, text, n, &suppressed);
	}
	assert_int_equal(passed, LOG_REPEAT_TEXTS);
	assert_true(log_repeat_pass(&(struct log_repeat){0}, 1, "important", 9, &suppressed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_repeated_line_hides_no_other),
	    cmocka_unit_test(duration_reads_go_style),
	    cmocka_unit_test(duration_writes_what_it_reads),
	    cmocka_unit_test(buf_grows_consumes_and_fails_once),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
