/* SPDX-License-Identifier: MIT */
/* The live table: rates, and sockets without one. */
#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "record/encoder.h"
#include "view/keys.h"
#include "view/top.h"

#define BEGIN_NS (1000 * NS_PER_SEC)

/* Add a record of the socket with this cookie, `seconds` after the beginning; without counters if acked <
 * 0. */
static void take(struct top *t, uint64_t cookie, int seconds, int64_t acked)
{
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG)};
	struct buf wire = {0};

	r.timestamp_ns = BEGIN_NS + seconds * NS_PER_SEC;
	r.inet_diag_msg_socket_cookie = cookie;
	r.inet_diag_msg_state = 6; /* TIME_WAIT */
	if (acked >= 0) {
		r.sections |= RECORD_HAS(TCP_INFO);
		r.inet_diag_msg_state = r.tcp_info_state = 1;
		r.tcp_info_len = 240;
		r.tcp_info_bytes_acked = (uint64_t)acked;
		r.tcp_info_bytes_received = (uint64_t)acked / 2;
	}
	wire_encode(&wire, &r);
	top_take(t, (struct str){(char *)wire.data, (uint32_t)wire.len});
	buf_free(&wire);
}

/* Return the table with cookie and rates, without its header and with single blanks. */
static char *rows(struct top *t)
{
	static char text[1000];
	struct buf table = {0};
	size_t n = 0;

	top_render(t, &(struct top_paper){.height = 50}, &table);
	for (const char *p = strchr(buf_cstr(&table), '\n') + 1; *p; p++) {
		if (*p == '\n' && n > 0 && text[n - 1] == ' ')
			n--;
		if (*p != ' ' || (n > 0 && text[n - 1] != ' ' && text[n - 1] != '\n'))
			text[n++] = *p;
	}
	text[n] = '\0';
	buf_free(&table);
	return text;
}

static struct top *table(void)
{
	char error[200];
	const struct top_options options = {
	    .columns = "cookie,send_rate,recv_rate", .usual = top_columns, .sort = "send_rate"};
	struct top *t = top_new(&options, error, sizeof(error));

	assert_non_null(t);
	return t;
}

static void rates_are_differences(void **state)
{
	struct top *t = table();

	take(t, 7, 0, 1000);
	take(t, 8, 0, 0);
	assert_string_equal(rows(t), "7\n8\n");
	take(t, 7, 2, 1200);
	take(t, 8, 2, 2000);
	assert_string_equal(rows(t), "8 1.0K 500\n7 100 50\n");
	top_free(t);
}

/* A closing connection loses its counters: it has no rate, and must not be sorted as the largest. */
static void time_wait_has_no_rate(void **state)
{
	struct top *t = table();

	take(t, 7, 0, 1000000);
	take(t, 8, 0, 0);
	take(t, 7, 2, -1);
	take(t, 8, 2, 200);
	assert_string_equal(rows(t), "8 100 50\n7\n");
	/* When the counters return, the rate does not count from zero. */
	take(t, 7, 4, 5000);
	take(t, 8, 4, 200);
	assert_string_equal(rows(t), "8 0 0\n7\n");
	top_free(t);
}

static void counters_that_go_back_give_no_rate(void **state)
{
	struct top *t = table();

	take(t, 7, 0, 1000000);
	take(t, 7, 2, 10);
	assert_string_equal(rows(t), "7\n");
	take(t, 7, 4, 410);
	assert_string_equal(rows(t), "7 200 100\n");
	top_free(t);
}

/* A connection whose texts are as long as texts get, some of them beyond ASCII. */
static void take_long(struct top *t, uint64_t cookie)
{
	static const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0xaa, 0xaa,
					    0xbb, 0xbb, 0xcc, 0xcc, 0xdd, 0xdd, 0xee, 0xee};
	struct record r = {.sections =
			       RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO) | RECORD_HAS(CONG)};
	struct buf wire = {0};

	r.timestamp_ns = BEGIN_NS;
	r.netns = str_of("a-namespace-with-a-rather-long-name-\xc3\xa4\xc3\xb6\xc3\xbc-and-more");
	r.container_name = str_of("evil\033[2J\xc2\x9b"
				  "31mname");
	r.inet_diag_msg_socket_cookie = cookie;
	r.inet_diag_msg_family = 10;
	r.inet_diag_msg_state = r.tcp_info_state = 1 + (uint32_t)cookie % 11;
	r.inet_diag_msg_socket_source = r.inet_diag_msg_socket_destination =
	    (struct str){(const char *)address, sizeof(address)};
	r.inet_diag_msg_socket_source_port = r.inet_diag_msg_socket_destination_port = 65535;
	r.inet_diag_msg_rqueue = r.inet_diag_msg_wqueue = UINT32_MAX;
	r.tcp_info_len = 240;
	r.tcp_info_rtt = UINT32_MAX;
	r.congestion_algorithm_string = str_of("cubic");
	wire_encode(&wire, &r);
	top_take(t, (struct str){(char *)wire.data, (uint32_t)wire.len});
	buf_free(&wire);
}

static size_t characters(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

/* What is shown after keys that come in pieces of this many bytes; the caller frees it. */
static struct buf screen_after(const char *typed, size_t piece)
{
	const struct top_options options = {
	    .usual = top_columns, .usual_order = top_order, .sort = "rtt", .what = "test"};
	char error[200];
	struct top *t = top_new(&options, error, sizeof(error));
	struct keys keys = {0};
	struct buf screen = {0};

	assert_non_null(t);
	for (size_t at = 0, n = strlen(typed); at < n; at += piece)
		assert_true(keys_take(&keys, t, typed + at, n - at < piece ? n - at : piece));
	keys_screen(&keys, t, 100, 10, false, &screen);
	top_free(t);
	return screen;
}

/* A slow terminal sends an arrow in three pieces. */
static void arrows_may_come_in_pieces(void **state)
{
	static const char *const typed[] = {"\033[C", "\033OC\033[D\033[C", "g\033[C\033[5~\033[Ap",
					    "\033\033[C", "/\033s"};

	for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
		struct buf whole = screen_after(typed[i], 64);
		for (size_t piece = 1; piece < 4; piece++) {
			struct buf parts = screen_after(typed[i], piece);
			/* The title begins with the time. */
			assert_string_equal(strchr(buf_cstr(&parts), ' '), strchr(buf_cstr(&whole), ' '));
			buf_free(&parts);
		}
		buf_free(&whole);
	}
	struct buf before = screen_after("", 1), after = screen_after("\033[C", 1);
	assert_string_not_equal(strchr(buf_cstr(&before), ' '), strchr(buf_cstr(&after), ' '));
	buf_free(&before);
	buf_free(&after);
}

/* At every size and after every key no line is longer than the screen, none is too many, and nothing is obeyed. */
static void every_screen_fits(void **state)
{
	static const char typed[] = "sssgggg/ state all\rSaph?x/\033p\033[C\033[Dq";
	const struct top_options options = {.usual = top_columns,
					    .usual_order = top_order,
					    .sort = "rtt",
					    .hide = top_hide_listeners,
					    .what = "test"};
	char error[200];
	struct top *t = top_new(&options, error, sizeof(error));
	struct keys keys = {0};
	bool more = true;

	assert_non_null(t);
	for (uint64_t cookie = 1; cookie <= 30; cookie++)
		take_long(t, cookie);
	for (const char *key = typed; *key; key++) {
		assert_true(more);
		more = keys_take(&keys, t, key, *key == '\033' && key[1] == '[' ? 3 : 1);
		key += *key == '\033' && key[1] == '[' ? 2 : 0;
		for (size_t width = 20; width < 260; width += 7) {
			struct buf screen = {0};
			size_t lines = 0;

			keys_screen(&keys, t, width, 10, false, &screen);
			const char *line = buf_cstr(&screen);
			for (const char *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
				const char *mark = memchr(line, '\033', (size_t)(end - line));
				/* The header is in reverse, between two sequences of four bytes. */
				size_t marks = mark ? 8 : 0;
				assert_true(!mark || mark == line);
				assert_true(characters(line, (size_t)(end - line)) <= width + marks);
			}
			assert_true(lines <= 10);
			buf_free(&screen);
		}
	}
	assert_false(more);
	top_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates_are_differences),
	    cmocka_unit_test(time_wait_has_no_rate),
	    cmocka_unit_test(counters_that_go_back_give_no_rate),
	    cmocka_unit_test(every_screen_fits),
	    cmocka_unit_test(arrows_may_come_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
