/* SPDX-License-Identifier: MIT */
/* The Valkey destination: its options, and servers that misbehave, which the test is. tests/bats/valkey.bats has a good one. */
#include "dest_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static void a_bad_spec_gets_a_sentence(void **state)
{
	static const struct bad_spec bad[] = {
	    {"valkey:", {.topic = "t"}, "has no port; expected valkey:HOST:PORT"},
	    {"valkey:a:0", {.topic = "t"}, "has a bad port"},
	    {"valkey:a:6379", {.topic = ""}, "has no -topic, which names the key"},
	    {"valkey:a:6379",
	     {.topic = "t", .dest_password_file = "/nonexistent"},
	     "cannot use -destPasswordFile /nonexistent"},
	};
	assert_refused(bad, ARRAY_SIZE(bad));
}

/* A server that is not there: nothing is sent, and all is counted at the end. */
static void without_a_server_everything_is_counted(void **state)
{
	stats_reset();
	struct dest *d = dest_of("valkey:127.0.0.1:1", &(struct dest_config){.topic = "t"});

	for (unsigned int i = 0; i < 10; i++)
		submit(d, i, 100, 3);
	wait_for(stat_get(STAT_DEST_ERRORS) > 0);
	assert_false(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(0.1)), 10);
	assert_ledger(0, 0, 0, 30);
	dest_free(d);
}

/* A listener on loopback; its port is in the spec. */
static int listen_as(char *spec, size_t size)
{
	in_port_t port;
	int fd = listen_on_loopback(&port);

	snprintf(spec, size, "valkey:127.0.0.1:%u", port);
	return fd;
}

/* Read a command that ends in these bytes, and answer. */
static void answer(int fd, const char *end, const char *reply)
{
	char command[1024];
	size_t len = 0;

	do {
		assert_true(readable(fd));
		ssize_t n = recv(fd, command + len, sizeof(command) - len, 0);
		assert_true(n > 0);
		len += (size_t)n;
	} while (len < strlen(end) || memcmp(command + len - strlen(end), end, strlen(end)) != 0);
	assert_int_equal(send(fd, reply, strlen(reply), MSG_NOSIGNAL), strlen(reply));
}

#define PING "PING\r\n"
#define BODY "......\n\r\n"

/* The reply may be cut off behind any byte; the envelope is sent once more, and counted once. */
static void a_reply_that_is_cut_off(void **state)
{
	static const char *const cut[] = {"$", "$15\r\n17", "$3\r\n1-1\r", "-ERR "};
	char spec[64];

	for (size_t i = 0; i < ARRAY_SIZE(cut); i++) {
		stats_reset();
		int listener = listen_as(spec, sizeof(spec));
		struct dest *d = dest_of(spec, &(struct dest_config){.topic = "t"});
		submit(d, 1, 40, 3);
		int fd = accept_one(listener);
		answer(fd, PING, "+PONG\r\n");
		answer(fd, BODY, cut[i]);
		close(fd);
		fd = accept_one(listener);
		answer(fd, PING, "+PONG\r\n");
		answer(fd, BODY, "$3\r\n1-1\r\n");
		wait_for(stat_get(STAT_DEST_SENT_RECORDS) > 0);
		assert_true(stat_get(STAT_DEST_ERRORS) > 0);
		assert_int_equal(dest_stop(d, seconds_from_now(5)), 0);
		assert_ledger(3, 0, 0, 0);
		dest_free(d);
		close(fd);
		close(listener);
	}
}

/* What no such server says is no confirmation, and costs no memory; control characters reach no log. */
static void strange_replies(void **state)
{
	static const struct {
		const char *ping, *body, *why;
	} rows[] = {
	    {"*2147483647\r\n", NULL, "does not answer like Valkey or Redis"},
	    {"+PONG\r\n", "*2\r\n$3\r\n1-1\r\n", "does not answer like Valkey or Redis"},
	    {"+PONG\r\n$3\r\n1-1\r\n", NULL, "does not answer like Valkey or Redis"},
	    {"+PONG\r\n", "-ERR \x1b[2J\tno\r\n", "the server refuses (ERR ?[2J?no)"},
	};
	char spec[64], reason[DEST_REASON_MAX] = "";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		stats_reset();
		int listener = listen_as(spec, sizeof(spec));
		struct dest *d = dest_of(spec, &(struct dest_config){.topic = "t"});
		submit(d, 1, 40, 3);
		int fd = accept_one(listener);
		answer(fd, PING, rows[i].ping);
		if (rows[i].body)
			answer(fd, BODY, rows[i].body);
		wait_for(stat_get(STAT_DEST_ERRORS) > 0);
		wait_for((dest_reason(d, reason), strstr(reason, rows[i].why)));
		assert_int_equal(dest_stop(d, seconds_from_now(0)), 1);
		assert_ledger(0, 0, 0, 3);
		dest_free(d);
		close(fd);
		close(listener);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_spec_gets_a_sentence),
	    cmocka_unit_test(without_a_server_everything_is_counted),
	    cmocka_unit_test(a_reply_that_is_cut_off),
	    cmocka_unit_test(strange_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
