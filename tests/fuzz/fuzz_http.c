/* SPDX-License-Identifier: MIT */
/*
 * The bytes an HTTP client sends to the daemon's server, over loopback: protocol, routes, methods. Over
 * loopback all is there at once, so the client leaves when the server has had its turns and says nothing
 * more; waiting for it to close would be waiting for time-outs.
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

/* More than the socket takes at once is cut. */
#define INPUT_MAX   65536
/* Turns of the loop without an answer after which none comes: to accept, read and answer takes one each. */
#define TURNS_QUIET 8

static struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct loop_watch peer, turn; /* turn is ready always: once a turn of the loop */
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

/* Read and forget the answer; the end of it ends the input. */
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
	/* A port is free again at once: a search makes thousands of connections a second. */
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
