/* SPDX-License-Identifier: MIT */
/* The gRPC client against a server of bare frames, which the test writes into a socket. */
#include "unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "grpc/grpc_client.h"
#include "loop_rounds.h"

#define MESSAGES 9000 /* of 11 bytes each: more than one read of the client */
#define MESSAGE	 11
#define FRAME	 (1000 * MESSAGE)

static struct rig {
	struct loop_rounds rounds;
	int server; /* the other end of the client's socket */
	struct grpc_client *client;
	struct grpc_client_call call;
	unsigned messages;
	bool done;
} rig;

static void on_message(struct grpc_client_call *call, struct str message)
{
	assert_int_equal(message.len, MESSAGE - GRPC_PREFIX);
	rig.messages++;
}

static void on_done(struct grpc_client_call *call)
{
	rig.done = true;
}

static void round_of_loop(void)
{
	loop_rounds_run(&rig.rounds);
}

static void run_until_done(void)
{
	int64_t until = clock_mono_ns() + 10 * NS_PER_SEC;

	while (!rig.done && clock_mono_ns() < until)
		round_of_loop();
	assert_true(rig.done);
}

static int setup(void **state)
{
	int fds[2];
	struct grpc_connection connection = GRPC_DISCONNECTED;

	rig = (struct rig){.call = {.path = "/a.B/C", .message = on_message, .done = on_done}};
	if (!loop_rounds_begin(&rig.rounds) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	rig.server = fds[0];
	connection.fd = fds[1];
	rig.client = grpc_client_new(rig.rounds.loop, &connection);
	return rig.client && grpc_client_start(rig.client, &rig.call) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	grpc_client_free(rig.client);
	loop_rounds_end(&rig.rounds);
	return 0;
}

static void frame_put(struct buf *b, uint8_t type, uint8_t flags, uint8_t stream, const void *payload,
		      size_t len)
{
	const uint8_t head[] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};

	buf_append(b, head, sizeof(head));
	buf_append(b, payload, len);
}

/* SETTINGS, the acknowledgement of the client's, ":status: 200" and the messages. */
static void response_put(struct buf *b)
{
	static const uint8_t message[MESSAGE] = {0, 0, 0, 0, MESSAGE - GRPC_PREFIX};
	uint8_t data[FRAME];

	for (size_t at = 0; at < FRAME; at += MESSAGE)
		memcpy(data + at, message, MESSAGE);
	frame_put(b, 4, 0, 0, "", 0);
	frame_put(b, 4, 1, 0, "", 0);
	frame_put(b, 1, 4, 1, "\x88", 1);
	for (unsigned i = 0; i < MESSAGES * MESSAGE / FRAME; i++)
		frame_put(b, 0, 0, 1, data, FRAME);
}

/* A server that ends has sent its last messages before it closes: that nothing can be written to it hides none. */
static void what_was_sent_before_the_end_is_read(void **state)
{
	static const char trailers[] = "\x00\x0bgrpc-status\x02"
				       "14";
	_cleanup_buf_ struct buf all = {0};

	round_of_loop(); /* the request is sent */
	response_put(&all);
	frame_put(&all, 1, 5, 1, trailers, sizeof(trailers) - 1);
	assert_int_equal(send(rig.server, all.data, all.len, 0), all.len);
	assert_int_equal(close(rig.server), 0);
	run_until_done();
	assert_int_equal(rig.messages, MESSAGES);
	assert_string_equal(rig.call.text, "");
	assert_int_equal(rig.call.code, GRPC_UNAVAILABLE);
}

/* Without a status the call ends as a lost connection, once all is read. */
static void an_end_without_a_status_is_told_last(void **state)
{
	_cleanup_buf_ struct buf all = {0};

	round_of_loop();
	response_put(&all);
	assert_int_equal(send(rig.server, all.data, all.len, 0), all.len);
	assert_int_equal(close(rig.server), 0);
	run_until_done();
	assert_int_equal(rig.messages, MESSAGES);
	assert_int_equal(rig.call.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(rig.call.text, "was lost"));
	assert_true(grpc_client_lost(rig.client));
}

/* Its bytes are there before the call's own are sent. */
static void a_peer_of_another_kind_is_told(void **state)
{
	static const char words[] = "220 mail.example.org ESMTP, at your service\r\n";

	assert_int_equal(write(rig.server, words, sizeof(words) - 1), sizeof(words) - 1);
	run_until_done();
	assert_int_equal(rig.call.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(rig.call.text, "does not speak gRPC"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_sent_before_the_end_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_end_without_a_status_is_told_last, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_peer_of_another_kind_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
