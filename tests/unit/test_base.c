/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/choice.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/own_directory.h"
#include "base/thread.h"

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

struct slow {
	int wait_fd, ended_fd;
};

static void *slow_main(void *data)
{
	struct slow *s = data;
	eventfd_t value;

	eventfd_read(s->wait_fd, &value);
	eventfd_write(s->ended_fd, 1);
	return NULL;
}

static void a_thread_that_hangs_is_left_behind(void **state)
{
	struct slow s = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
	pthread_t thread;

	assert_int_equal(thread_start(&thread, "slow", 0, slow_main, &s), 0);
	assert_false(thread_join_within(thread, s.ended_fd, 20));
	eventfd_write(s.wait_fd, 1);
	assert_true(thread_join_within(thread, s.ended_fd, 30000));
	close(s.wait_fd);
	close(s.ended_fd);
}

/* Whatever a peer's words are, a message is one line, and tells a terminal nothing. */
static void a_message_is_one_line(void **state)
{
	char line[256];
	int ends[2], stderr_copy = dup(STDERR_FILENO);

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_write(LOG_LEVEL_ERR, "test", "%s", "one\nxtcp2: two\r\x1b[2J \x7f\xc3\xa9");
	dup2(stderr_copy, STDERR_FILENO);
	ssize_t n = read(ends[0], line, sizeof(line) - 1);
	line[n] = '\0';
	assert_string_equal(line, "test: one?xtcp2: two??[2J ?\xc3\xa9\n");
	close(stderr_copy);
	close(ends[0]);
	close(ends[1]);
}

/* Every day of the years that an int64_t of nanoseconds holds, at its first and last second. */
static void times_are_those_of_the_calendar(void **state)
{
	char text[LOG_TIME_MAX], wanted[64];

	for (int64_t day = 0; day < INT64_MAX / NS_PER_SEC / 86400; day++) {
		for (int end = 0; end < 2; end++) {
			time_t seconds = day * 86400 + (end ? 86399 : 0);
			struct tm tm;
			assert_non_null(gmtime_r(&seconds, &tm));
			size_t n = strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S", &tm);
			strcpy(wanted + n, end ? ".999Z" : ".000Z");
			log_time_text(seconds * NS_PER_SEC + (end ? 999999999 : 0), text);
			assert_string_equal(text, wanted);
		}
	}
	log_time_text(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

static const char *suggestion(const char *word, const char *choices)
{
	static char text[SUGGEST_TEXT_MAX];

	return choice_suggest(choices, word, text);
}

/* A link in the place of the directory, to one that is not ours to give away. */
static void a_directory_that_is_there_keeps_its_owner(void **state)
{
	char base[] = "/tmp/own-directory-XXXXXX", path[64], link[64];
	struct stat st;

	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/made", base);
	snprintf(link, sizeof(link), "%s/link", base);
	assert_int_equal(own_directory_make(path, 0700, geteuid(), getegid()), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(own_directory_make(path, 0755, geteuid() + 1, getegid()), 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(own_directory_make(link, 0755, geteuid() + 1, getegid()), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(link, sizeof(link), "%s/none/made", base);
	assert_int_equal(own_directory_make(link, 0755, geteuid(), getegid()), -ENOENT);

	snprintf(link, sizeof(link), "%s/link", base);
	unlink(link);
	rmdir(path);
	rmdir(base);
}

static void near_names_are_suggested(void **state)
{
	static const char names[] = "stdout|stderr|file|protobufList|top|tsv|on|auto|off|rtt|time_wait";

	assert_string_equal(suggestion("fle", names), "; did you mean file?");
	assert_string_equal(suggestion("FILE", names), "; did you mean file?");
	assert_string_equal(suggestion("proto", names), "; did you mean protobufList?");
	assert_string_equal(suggestion("tpo", names), "; did you mean top?"); /* a swap is one edit */
	assert_string_equal(suggestion("of", names),
			    "; did you mean off?"); /* a beginning is nearer than an edit */
	assert_string_equal(suggestion("time-wiat", names), "; did you mean time_wait?");
	assert_string_equal(suggestion("sdtuot", names), "; did you mean stdout?");
	/* Nothing near: none. */
	assert_string_equal(suggestion("", names), "");
	assert_string_equal(suggestion("x", names), "");
	assert_string_equal(suggestion("xy", names), "");
	assert_string_equal(suggestion("kafka", names), "");
	assert_string_equal(suggestion("rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", names),
			    "");
}

static void choices_are_listed(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	choice_list(&b, "on|log|off");
	buf_byte(&b, ';');
	choice_list(&b, "one");
	buf_byte(&b, ';');
	choice_list(&b, "a|b");
	assert_string_equal(buf_cstr(&b), "on, log or off;one;a or b");
	assert_non_null(choice_find("on|log|off", "LOG"));
	assert_null(choice_find("on|log|off", "lo"));
	assert_null(choice_find("on|log|off", "on|log"));
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

static void a_time_in_a_line_makes_no_other_line(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"connect to a port 80 after 3 ms: refused", "connect to a port 80 after 12 ms: refused", true},
	    {"timed out after 10000 milliseconds with 0 out of 9 bytes",
	     "timed out after 9 milliseconds with 5 out of 10 bytes", true},
	    {"refused (after 0ms in state CONNECT)", "refused (after 17ms in state CONNECT)", true},
	    {"connect to a port 80 after 3 ms: refused", "connect to a port 81 after 3 ms: refused", false},
	    {"HTTP status 503", "HTTP status 504", false},
	    {"after 3", "after 4", false},
	    {"after 3 m", "after 4 m", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct log_repeat limit = {0};
		uint64_t suppressed;
		assert_true(
		    log_repeat_pass(&limit, INT64_C(1) << 60, rows[i].a, strlen(rows[i].a), &suppressed));
		if (log_repeat_pass(&limit, INT64_C(1) << 60, rows[i].b, strlen(rows[i].b), &suppressed) ==
		    rows[i].same)
			fail_msg("%s / %s", rows[i].a, rows[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_those_of_the_calendar),
	    cmocka_unit_test(a_directory_that_is_there_keeps_its_owner),
	    cmocka_unit_test(near_names_are_suggested),
	    cmocka_unit_test(choices_are_listed),
	    cmocka_unit_test(a_thread_that_hangs_is_left_behind),
	    cmocka_unit_test(a_message_is_one_line),
	    cmocka_unit_test(a_repeated_line_hides_no_other),
	    cmocka_unit_test(a_time_in_a_line_makes_no_other_line),
	    cmocka_unit_test(duration_reads_go_style),
	    cmocka_unit_test(duration_writes_what_it_reads),
	    cmocka_unit_test(buf_grows_consumes_and_fails_once),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
