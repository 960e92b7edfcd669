/* SPDX-License-Identifier: MIT */
/* The HTTP destination against a server whose answers are scripted. */
#include "dest_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "record/encoder.h"

static int setup(void **state)
{
	stats_reset();
	return 0;
}

static int listen_any(char *spec, size_t size, const char *rest)
{
	in_port_t port;
	int fd = listen_on_loopback(&port);

	snprintf(spec, size, "http://user:secret@127.0.0.1:%u%s", port, rest);
	return fd;
}

/* Read one request, headers and body, as a C string in b. */
static void read_request(int fd, struct buf *b)
{
	buf_reset(b);
	for (;;) {
		const char *text = buf_cstr(b), *end = strstr(text, "\r\n\r\n"),
			   *length = strcasestr(text, "content-length:");
		if (end && length && b->len >= (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10))
			return;
		assert_true(readable(fd));
		assert_true(buf_reserve(b, 65536));
		ssize_t n = recv(fd, b->data + b->len, 65535, 0);
		assert_true(n > 0);
		b->len += n;
	}
}

static void answer(int fd, const char *status, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
			 strlen(body), body);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

static void a_bad_url_gets_a_sentence(void **state)
{
	static const char *const bad[] = {"http:", "http://", "http://:80/", "http://host:99999/",
					  "https://ho st/"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char error[512] = "";
		assert_null(dest_new(bad[i], &(struct dest_config){0}, error, sizeof(error)));
		if (!strstr(error, "is not a URL") || !strstr(error, "expected http"))
			fail_msg("%s: %s", bad[i], error);
	}
}

static void envelopes_are_posts_on_one_connection(void **state)
{
	static const struct encoder_ops encoder = {.name = "x", .content_type = "application/x-test"};
	char spec[128];
	_cleanup_close_ int listener = listen_any(spec, sizeof(spec), "/in?query=a%20b");
	struct dest *d = dest_of(spec, &(struct dest_config){.encoder = &encoder});
	struct buf b = {0};

	assert_null(strstr(dest_public_name(d), "secret"));
	submit(d, 1, 100, 2);
	_cleanup_close_ int fd = accept_one(listener);
	for (int i = 1; i <= 3; i++) {
		read_request(fd, &b);
		assert_memory_equal(b.data, "POST /in?query=a%20b HTTP/1.1\r\n", 31);
		assert_non_null(strstr(buf_cstr(&b), "Content-Type: application/x-test\r\n"));
		assert_non_null(strstr(buf_cstr(&b), "Content-Length: 100\r\n"));
		assert_non_null(strstr(buf_cstr(&b), "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
		assert_null(strstr(buf_cstr(&b), "Expect"));
		assert_int_equal(atoi(strstr(buf_cstr(&b), "\r\n\r\n") + 4), i);
		answer(fd, i == 1 ? "204 No Content" : "200 OK", "");
		wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 2 * (uint64_t)i);
		assert_true(dest_healthy(d));
		if (i < 3)
			submit(d, i + 1, 100, 2);
	}
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(6, 0, 0, 0);
	dest_free(d);
	buf_free(&b);
}

static void the_status_decides(void **state)
{
	static const struct {
		const char *status;
		bool again;
	} statuses[] = {
	    {"500 Oops", true},	      {"400 Bad Request", false}, {"503 Later", true},
	    {"404 Not Found", false}, {"429 Slow down", true},	  {"408 Timeout", true},
	    {"413 Too Large", false}, {"301 Moved", false},
	};
	char spec[128];
	_cleanup_close_ int listener = listen_any(spec, sizeof(spec), "/");
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	struct buf b = {0};
	uint64_t lost = 0, sent = 0;

	submit(d, 0, 50, 1);
	_cleanup_close_ int fd = accept_one(listener);
	for (unsigned int i = 0; i < ARRAY_SIZE(statuses); i++) {
		read_request(fd, &b);
		answer(fd, statuses[i].status, "Code: 62.\nmore");
		if (statuses[i].again) {
			read_request(fd, &b);
			assert_int_equal(atoi(strstr(buf_cstr(&b), "\r\n\r\n") + 4), i);
			answer(fd, "200 OK", "fine");
			sent++;
		} else {
			lost++;
		}
		wait_for(stat_get(STAT_DEST_SENT_RECORDS) == sent &&
			 stat_get(STAT_RECORDS_SEND_FAILED) == lost);
		submit(d, i + 1, 50, 1);
	}
	read_request(fd, &b);
	answer(fd, "200 OK", "");
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(sent + 1, 0, lost, 0);
	dest_free(d);
	buf_free(&b);
}

/* ClickHouse repeats what it could not read: neither binary nor textual records get into logs and /readyz. */
static void an_answer_is_cut_where_it_shows_records(void **state)
{
	static const struct {
		const char *answer, *reason;
	} rows[] = {
	    {"Code: 62. failed at position 7: SELEC\nmore",
	     "HTTP status 400: Code: 62. failed at position 7: SELEC"},
	    {"Code: 62. at (\xfc) (line 2): \x01..6R", "HTTP status 400: Code: 62. at (..."},
	    {"Code: 62. at \x1b[31m", "HTTP status 400: Code: 62. at ..."},
	    {"Cannot parse: 00000003........", "HTTP status 400: Cannot parse: ..."},
	    {"Z\xc3\xbcrich", "HTTP status 400: Z\xc3\xbcrich"},
	};
	char spec[128], reason[DEST_REASON_MAX];
	_cleanup_close_ int listener = listen_any(spec, sizeof(spec), "/");
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	struct buf b = {0};
	int fd = -1;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		submit(d, i, 50, 1);
		if (fd < 0)
			fd = accept_one(listener);
		read_request(fd, &b);
		answer(fd, "400 Bad Request", rows[i].answer);
		wait_for(stat_get(STAT_RECORDS_SEND_FAILED) == i + 1);
		dest_reason(d, reason);
		assert_string_equal(reason, rows[i].reason);
	}
	dest_stop(d, seconds_from_now(30));
	close(fd);
	dest_free(d);
	buf_free(&b);
}

static void a_server_that_hangs_up_gets_it_again(void **state)
{
	char spec[128];
	_cleanup_close_ int listener = listen_any(spec, sizeof(spec), "/");
	struct dest *d = dest_of(spec, &(struct dest_config){0});
	struct buf b = {0};

	submit(d, 5, 500000, 1);
	int fd = accept_one(listener);
	assert_true(readable(fd));
	close(fd); /* in the middle of the body */
	fd = accept_one(listener);
	read_request(fd, &b);
	assert_int_equal(atoi(strstr(buf_cstr(&b), "\r\n\r\n") + 4), 5);
	answer(fd, "200 OK", "");
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	assert_true(stat_get(STAT_DEST_ERRORS) >= 1);
	close(fd);
	dest_free(d);
	buf_free(&b);
}

static void a_silent_server_does_not_hold_the_stop(void **state)
{
	char spec[128];
	_cleanup_close_ int listener = listen_any(spec, sizeof(spec), "/");
	struct dest *d = dest_of(spec, &(struct dest_config){.send_timeout_ns = 60 * NS_PER_SEC});
	struct buf b = {0};

	submit(d, 1, 100, 4);
	_cleanup_close_ int fd = accept_one(listener);
	read_request(fd, &b);
	int64_t begin = clock_mono_ns();
	assert_int_equal(dest_stop(d, seconds_from_now(0.1)), 1);
	assert_true(clock_mono_ns() - begin < 1 * NS_PER_SEC);
	assert_ledger(0, 0, 0, 4);
	dest_free(d);
	buf_free(&b);
}

static void an_answer_that_takes_too_long_is_a_failure(void **state)
{
	char spec[128];
	_cleanup_close_ int listener = listen_any(spec, sizeof(spec), "/");
	struct dest *d = dest_of(spec, &(struct dest_config){.send_timeout_ns = 200 * NS_PER_MS});

	submit(d, 1, 100, 4);
	_cleanup_close_ int fd = accept_one(listener);
	wait_for(stat_get(STAT_DEST_ERRORS) >= 1);
	assert_false(dest_healthy(d));
	assert_int_equal(dest_stop(d, clock_mono_ns()), 1);
	assert_ledger(0, 0, 0, 4);
	dest_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_bad_url_gets_a_sentence, setup),
	    cmocka_unit_test_setup(envelopes_are_posts_on_one_connection, setup),
	    cmocka_unit_test_setup(the_status_decides, setup),
	    cmocka_unit_test_setup(an_answer_is_cut_where_it_shows_records, setup),
	    cmocka_unit_test_setup(a_server_that_hangs_up_gets_it_again, setup),
	    cmocka_unit_test_setup(a_silent_server_does_not_hold_the_stop, setup),
	    cmocka_unit_test_setup(an_answer_that_takes_too_long_is_a_failure, setup),
	};

	signal(SIGPIPE, SIG_IGN);
	/* The peer is this process: ignore a proxy in the environment. */
	setenv("no_proxy", "*", 1);
	return cmocka_run_group_tests_name("dest_http", tests, NULL, NULL);
}
