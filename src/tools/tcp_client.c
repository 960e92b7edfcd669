/* SPDX-License-Identifier: MIT */
/*
 * tcp_client: connections to neighbouring ports of an echo server. Each writes a
 * message, waits for the whole echo and pauses, repeatedly, and dials again when its
 * connection fails. One thread: a client is a small state machine with the time of
 * its next step.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/sockaddr.h"

/* Bytes per write of zeros, and per read of the echo, which is discarded. */
#define CHUNK 16384

/* Time limit for one attempt to dial. */
#define DIAL_TIMEOUT_NS (5 * NS_PER_SEC)

static uint32_t count = 1, first_port = 4000, pads = 2048, dial_retries = 1000000;
static int64_t sleep_ns = 5 * NS_PER_SEC, start_sleep_ns, write_timeout_ns = 5 * NS_PER_SEC,
	       read_timeout_ns = 5 * NS_PER_SEC;
static const char *host = "127.0.0.1";

static const struct flag flags[] = {
    {"count", FLAG_U32, &count, "connections, each to its own port"},
    {"connect", FLAG_STRING, &host, "server: a name or an address, IPv4 or IPv6"},
    {"port", FLAG_PORT, &first_port, "port of the first connection; the others follow"},
    {"sleep", FLAG_DURATION, &sleep_ns, "pause between two messages of a connection"},
    {"pads", FLAG_U32, &pads, "bytes of a message"},
    {"startsleep", FLAG_DURATION, &start_sleep_ns, "pause between the starts of two connections"},
    {"dialr", FLAG_U32, &dial_retries, "failed attempts to connect in a row before a connection is given up"},
    {"wto", FLAG_DURATION, &write_timeout_ns, "longest wait for a message to be written"},
    {"rto", FLAG_DURATION, &read_timeout_ns, "longest wait for the echo after that"},
    {0},
};

/*
 * The states of a client, with its action until `due`:
 *   STATE_IDLE     pauses; then dials, or writes when it is connected
 *   STATE_DIALING  waits for connect(2); after due it dials again
 *   STATE_WRITING  writes, and reads the echo that has arrived; after due it dials again
 *   STATE_READING  has written all, reads the rest; after due it dials again
 *   STATE_OVER     has given up
 */
enum client_state { STATE_IDLE, STATE_DIALING, STATE_WRITING, STATE_READING, STATE_OVER };

struct client {
	struct loop_watch watch;
	enum client_state state;
	int64_t due; /* CLOCK_MONOTONIC */
	uint32_t failures;
	uint32_t to_write, to_read; /* of the current message */
	bool echoed;		    /* at least once */
	struct sockaddr_storage address;
	socklen_t address_len;
};

static struct loop *loop;
static struct loop_watch timer = {.fd = -1, .name = "timer"};
static struct client *clients;
static uint64_t messages, redials;
static uint32_t echoed_clients, over_clients;

static void step_dial(struct client *c);

static void set_state(struct client *c, enum client_state state, int64_t wait_ns)
{
	c->state = state;
	c->due = clock_mono_ns() + wait_ns;
}

static void hang_up(struct client *c)
{
	if (c->watch.fd < 0)
		return;
	loop_remove(loop, &c->watch);
	close(c->watch.fd);
	c->watch.fd = -1;
}

/* Handle a failed connection: dial again after the pause, unless it has failed too often. */
static void step_failed(struct client *c)
{
	hang_up(c);
	redials++;
	if (c->failures++ < dial_retries) {
		set_state(c, STATE_IDLE, sleep_ns);
		return;
	}
	c->state = STATE_OVER;
	over_clients++;
	if (over_clients == count)
		loop_stop(loop);
}

static void step_read(struct client *c)
{
	char chunk[CHUNK];
	ssize_t n = recv(c->watch.fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (size_t)n > c->to_read) {
		step_failed(c);
		return;
	}
	c->to_read -= (uint32_t)n;
	if (c->to_read > 0 || c->to_write > 0)
		return;
	messages++;
	set_state(c, STATE_IDLE, sleep_ns);
	if (!c->echoed && (c->echoed = true) && ++echoed_clients == count)
		printf("READY %u connections to %s from port %u\n", count, host, first_port);
}

static void step_write(struct client *c)
{
	static const char zeros[CHUNK];

	while (c->to_write > 0) {
		size_t len = c->to_write < sizeof(zeros) ? c->to_write : sizeof(zeros);
		ssize_t n = send(c->watch.fd, zeros, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			step_failed(c);
			return;
		}
		c->to_write -= (uint32_t)n;
	}
	loop_modify(loop, &c->watch, EPOLLIN);
	set_state(c, STATE_READING, read_timeout_ns);
}

static void message_begin(struct client *c)
{
	c->to_write = c->to_read = pads;
	set_state(c, STATE_WRITING, write_timeout_ns);
	loop_modify(loop, &c->watch, EPOLLIN | EPOLLOUT);
	step_write(c);
}

static void on_socket(struct loop_watch *watch, uint32_t events)
{
	struct client *c = watch->data;
	int error = 0;
	socklen_t len = sizeof(error);

	if (c->state == STATE_DIALING) {
		getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			step_failed(c);
			return;
		}
		c->failures = 0;
		message_begin(c);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		step_read(c);
	if (c->state == STATE_WRITING && (events & EPOLLOUT))
		step_write(c);
}

static void step_dial(struct client *c)
{
	c->watch.fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->watch.fd < 0 || loop_add(loop, &c->watch, EPOLLOUT) < 0) {
		step_failed(c);
		return;
	}
	set_state(c, STATE_DIALING, DIAL_TIMEOUT_NS);
	if (connect(c->watch.fd, (struct sockaddr *)&c->address, c->address_len) < 0 && errno != EINPROGRESS)
		step_failed(c);
}

/* Take every due step, then sleep until the next one. */
static void on_timer(struct loop_watch *watch, uint32_t events)
{
	int64_t now = clock_mono_ns(), next = INT64_MAX;

	loop_timer_read(watch);
	for (uint32_t i = 0; i < count; i++) {
		struct client *c = &clients[i];
		if (c->state != STATE_OVER && c->due <= now) {
			if (c->state != STATE_IDLE)
				step_failed(c);
			else if (c->watch.fd < 0)
				step_dial(c);
			else
				message_begin(c);
		}
		if (c->state != STATE_OVER && c->due < next)
			next = c->due;
	}
	/* on_socket() may add earlier steps: sleep for at most one pause. */
	int64_t wait = next - now;
	if (wait > sleep_ns)
		wait = sleep_ns;
	if (wait < NS_PER_MS)
		wait = NS_PER_MS;
	loop_timer_set(&timer, wait, 0);
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
	loop_stop(loop);
}

/* Resolve the server once and lay out the clients. */
static int clients_new(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	int r = getaddrinfo(host, NULL, &hints, &found);

	if (r != 0) {
		fprintf(stderr, "tcp_client: cannot find the host %s: %s\n", host, gai_strerror(r));
		return -ENOENT;
	}
	clients = calloc((size_t)count + 1, sizeof(*clients));
	for (uint32_t i = 0; clients && i < count; i++) {
		struct client *c = &clients[i];
		uint16_t port = htons((uint16_t)(first_port + i));

		c->watch = (struct loop_watch){.fd = -1, .name = "client", .fn = on_socket, .data = c};
		c->address_len = found->ai_addrlen;
		memcpy(&c->address, found->ai_addr, found->ai_addrlen);
		if (c->address.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&c->address)->sin6_port = port;
		else
			((struct sockaddr_in *)&c->address)->sin_port = port;
		set_state(c, STATE_IDLE, (int64_t)i * start_sleep_ns);
	}
	freeaddrinfo(found);
	return clients ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGTERM, SIGINT, 0};

	flags_parse(flags, argc, argv, "TCP clients of echo servers on neighbouring ports");
	if (first_port == 0 || first_port + (uint64_t)count > 65536 || pads == 0) {
		fprintf(stderr,
			"tcp_client: all ports must be in 1..65535 and -pads at least 1, not ports %u to "
			"%llu and -pads %u\n",
			first_port, (unsigned long long)first_port + count - 1, pads);
		return 2;
	}
	limits_raise_files();
	setvbuf(stdout, NULL, _IOLBF, 0);
	loop = loop_new();
	timer.fn = on_timer;
	struct loop_watch signal_watch = {.name = "signals", .fn = on_signal};
	if (!loop || loop_signals_open(loop, &signal_watch, signals) < 0 ||
	    loop_timer_open(loop, &timer) < 0 || loop_timer_set(&timer, 1, 0) < 0) {
		perror("tcp_client");
		return 1;
	}
	if (clients_new() < 0)
		return 1;
	int r = loop_run(loop);
	printf("DONE %llu messages of %u bytes echoed, %llu failed connections\n",
	       (unsigned long long)messages, pads, (unsigned long long)redials);
	return r < 0 || (count > 0 && over_clients == count);
}
