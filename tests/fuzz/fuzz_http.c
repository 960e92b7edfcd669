/* SPDX-License-Identifier: MIT */
/*
 * The bytes of an HTTP client of the daemon's server, over loopback: protocol, routes, methods. Over loopback
 * all bytes arrive at once, so the client closes the connection after some rounds of the server without an
 * answer; otherwise each input would wait for a time-out.
 */
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http.h"
#include "base/log.h"
#include "fuzz.h"

/* Input is cut to the bytes that the socket takes at once. */
#define INPUT_MAX   65536
/* Rounds of the loop after which no answer is expected: accept, read and answer take one each. */
#define TURNS_QUIET 8

static struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct loop_watch peer, turn; /* `turn` is always ready: it counts the rounds of the loop */
	unsigned quiet;
} fixture;

static bool healthy(void *data, struct buf *why)
{
	buf_str(why, "a line\n");
	return true;
}

static bool ready(void *data, struct buf *why)
{
	return false;
}

/* Discard the answer; its end ends the input. */
static void on_peer(struct loop_watch *w, uint32_t events)
{
	char answer[16384];

	fixture.quiet = 0;
	if (recv(w->fd, answer, sizeof(answer), MSG_DONTWAIT) <= 0)
		loop_stop(fixture.loop);
}

static void on_turn(struct loop_watch *w, uint32_t events)
{
	if (++fixture.quiet == TURNS_QUIET)
		loop_stop(fixture.loop);
}

static void fixture_make(void)
{
	const struct http_options options = {
	    .listen = "127.0.0.1:0", .prom_path = "/metrics", .healthy = healthy, .ready = ready};
	char error[200];

	if (fixture.server)
		return;
	log_init(LOG_LEVEL_ERR);
	fixture.loop = loop_new();
	assert(fixture.loop);
	fixture.server = http_start(fixture.loop, &options, error, sizeof(error));
	assert(fixture.server);
	fixture.turn = (struct loop_watch){.fd = eventfd(1, EFD_CLOEXEC), .name = "turn", .fn = on_turn};
	int r = loop_add(fixture.loop, &fixture.turn, EPOLLIN);
	assert(r == 0);
}

static int client_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(http_port(fixture.server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* Free the port at once: a search makes thousands of connections per second. */
	const struct linger reset = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	int r = connect(fd, (const struct sockaddr *)&to, sizeof(to));
	assert(r == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fixture_make();
	int fd = client_connect();
	if (size > 0 && send(fd, data, size < INPUT_MAX ? size : INPUT_MAX, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		goto out;
	shutdown(fd, SHUT_WR);
	fixture.peer = (struct loop_watch){.fd = fd, .name = "peer", .fn = on_peer};
	int r = loop_add(fixture.loop, &fixture.peer, EPOLLIN);
	assert(r == 0);
	fixture.quiet = 0;
	loop_run(fixture.loop);
	loop_remove(fixture.loop, &fixture.peer);
out:
	close(fd);
	return 0;
}
