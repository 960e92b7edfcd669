/* SPDX-License-Identifier: MIT */
/*
 * The bytes a gRPC client sends, over a socket pair to the daemon's own server:
 * transport, framing and all services. Input that does not begin with the
 * preface of HTTP/2 is sent after one, so that the search does not have to find
 * those 24 bytes. A poll makes a few records at once.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/config_message.h"
#include "api/grpc_server.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "fuzz.h"
#include "poll/poll.h"
#include "record/encoder.h"

/* The preface and an empty SETTINGS frame. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
#define PREFACE_LEN	  (sizeof(preface) - 1)
#define MAGIC_LEN	  24
/* Input is cut to the bytes that a socket pair takes at once: single frames matter. */
#define INPUT_MAX	  65536
#define INPUTS_PER_SERVER 500

static struct fixture {
	struct loop *loop;
	struct grpc_server *server;
	struct config config;
	struct poll_tap *tap;
	struct loop_watch peer;
	unsigned inputs;
} fixture;

static const struct config *get_config(void *data)
{
	return &fixture.config;
}

static int set_frequency(void *data, int64_t frequency_ns, int64_t timeout_ns)
{
	assert(frequency_ns > timeout_ns && timeout_ns > 0);
	return 0;
}

static int trigger(void *data)
{
	/* (key, length, record) twice: an empty one, and one with a tag of "x" */
	static const uint8_t rows[] = {0x52, 0, 0x52, 4, 0x9a, 0x03, 1, 'x'};

	if (fixture.tap)
		fixture.tap->batch(fixture.tap, rows, sizeof(rows), 2);
	return 0;
}

static int burst(void *data, uint32_t count, int64_t interval_ns)
{
	assert(count >= 1 && count <= 1000 && interval_ns > fixture.config.timeout_ns);
	return 0;
}

/* The input decides the result of an attempt; one without a result is abandoned when its call closes. */
static int reconfigure(void *data, struct config *config, struct backend_attempt *attempt)
{
	if (config->netlinkers % 4 == 0)
		return -EBUSY;
	if (config->netlinkers % 4 == 1)
		attempt->taken(attempt, config);
	else if (config->netlinkers % 4 == 2)
		attempt->refused(attempt, "dest", "cannot be");
	config_delete(config);
	return 0;
}

static void give_up(void *data, struct backend_attempt *attempt)
{
}

static void set_tap(void *data, struct poll_tap *tap)
{
	fixture.tap = tap;
}

static bool ready(void *data, struct buf *why)
{
	return true;
}

static const struct grpc_backend backend = {
    .config = get_config,
    .set_frequency = set_frequency,
    .trigger = trigger,
    .burst = burst,
    .reconfigure = reconfigure,
    .give_up = give_up,
    .set_tap = set_tap,
    .ready = ready,
};

/* Discard the server's output; the end of the connection ends the input. */
static void on_peer(struct loop_watch *w, uint32_t events)
{
	char answer[16384];

	grpc_server_poll_done(fixture.server);
	if (recv(w->fd, answer, sizeof(answer), MSG_DONTWAIT) <= 0)
		loop_stop(fixture.loop);
}

/* Replace the server from time to time: all inputs are the same peer, whose connections per second are
 * limited. */
static void fixture_make(void)
{
	const struct grpc_server_options options = {.stream_bytes = 65536, .total_bytes = 262144};
	char error[200];

	if (fixture.server && ++fixture.inputs % INPUTS_PER_SERVER != 0)
		return;
	if (fixture.server) {
		grpc_server_free(fixture.server, 0);
	} else {
		log_init(LOG_LEVEL_ERR);
		fixture.loop = loop_new();
		assert(fixture.loop && config_init(&fixture.config) == 0);
	}
	fixture.server = grpc_server_new(fixture.loop, &backend, &options, error, sizeof(error));
	assert(fixture.server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];

	fixture_make();
	size = size < INPUT_MAX ? size : INPUT_MAX;
	int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
	assert(r == 0);
	if (size < MAGIC_LEN || memcmp(data, preface, MAGIC_LEN) != 0)
		r = send(ends[1], preface, PREFACE_LEN, 0) == PREFACE_LEN ? 0 : -1;
	assert(r == 0);
	if (size > 0 && send(ends[1], data, size, 0) < 0)
		abort();
	shutdown(ends[1], SHUT_WR);
	fixture.peer = (struct loop_watch){.fd = ends[1], .name = "peer", .fn = on_peer};
	r = loop_add(fixture.loop, &fixture.peer, EPOLLIN);
	if (r == 0)
		r = h2_server_adopt(grpc_server_transport(fixture.server), ends[0]);
	assert(r == 0);
	loop_run(fixture.loop);
	loop_remove(fixture.loop, &fixture.peer);
	close(ends[1]);
	return 0;
}
