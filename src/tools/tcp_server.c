/* SPDX-License-Identifier: MIT */
/* tcp_server: echo servers on neighbouring ports, one thread,
 * for tests that need a known number of sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/flags.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/sockaddr.h"

/* Bytes per read, and most bytes that wait for a client that does not read. */
#define CHUNK 16384

static uint32_t count = 1, first_port = 4000;
static const char *address_text = "0.0.0.0";

static const struct flag flags[] = {
    {"count", FLAG_U32, &count, "listeners"},
    {"bind", FLAG_STRING, &address_text, "address, IPv4 or IPv6"},
    {"port", FLAG_PORT, &first_port, "port of the first listener; the others follow"},
    {0},
};

static struct loop *loop;
static struct loop_watch *listeners;

struct connection {
	struct loop_watch watch;
	char *pending; /* read and not yet written back; reading waits meanwhile */
	size_t pending_len;
};

static void connection_free(struct connection *c)
{
	loop_remove(loop, &c->watch);
	close(c->watch.fd);
	free(c->pending);
	free(c);
}

/* Write back; the rest waits for EPOLLOUT. Return false when the connection has ended. */
static bool write_back(struct connection *c, const char *data, size_t len)
{
	ssize_t n = send(c->watch.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	size_t sent = n < 0 ? 0 : (size_t)n;
	if (sent == len) {
		if (c->pending)
			loop_modify(loop, &c->watch, EPOLLIN);
		free(take_ptr(c->pending));
		return true;
	}
	char *rest = malloc(len - sent);
	if (!rest)
		return false;
	memcpy(rest, data + sent, len - sent);
	free(c->pending);
	c->pending = rest;
	c->pending_len = len - sent;
	return loop_modify(loop, &c->watch, EPOLLOUT) == 0;
}

static void on_connection(struct loop_watch *watch, uint32_t events)
{
	struct connection *c = watch->data;
	char chunk[CHUNK];
	bool alive;

	if (c->pending) {
		alive = write_back(c, c->pending, c->pending_len);
	} else {
		ssize_t n = recv(watch->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n > 0)
			alive = write_back(c, chunk, n);
		else
			alive = n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	if (!alive)
		connection_free(c);
}

static void on_listener(struct loop_watch *watch, uint32_t events)
{
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c) {
		if (fd >= 0)
			close(fd);
		return;
	}
	c->watch = (struct loop_watch){.fd = fd, .name = "connection", .fn = on_connection, .data = c};
	if (loop_add(loop, &c->watch, EPOLLIN) < 0)
		connection_free(c);
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
	loop_stop(loop);
}

static int listener_open(struct loop_watch *watch, uint32_t port)
{
	struct sockaddr_storage address;
	socklen_t len = sockaddr_parse(address_text, (uint16_t)port, &address);
	int one = 1;

	_cleanup_close_ int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	*watch = (struct loop_watch){.fd = fd, .name = "listener", .fn = on_listener};
	int r = loop_add(loop, watch, EPOLLIN);
	if (r == 0)
		take_fd(fd);
	return r;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage ignored;
	static const int signals[] = {SIGTERM, SIGINT, 0};

	flags_parse(flags, argc, argv, "TCP echo servers on neighbouring ports");
	if (!sockaddr_parse(address_text, 0, &ignored) || first_port + (uint64_t)count > 65536 ||
	    first_port == 0) {
		fprintf(stderr,
			"tcp_server: -bind wants an IPv4 or IPv6 address and all ports must be in 1..65535, "
			"not \"%s\" from %u to %llu\n",
			address_text, first_port, (unsigned long long)first_port + count - 1);
		return 2;
	}
	limits_raise_files();
	loop = loop_new();
	struct loop_watch signal_watch = {.name = "signals", .fn = on_signal};
	listeners = calloc((size_t)count + 1, sizeof(*listeners));
	if (!loop || !listeners || loop_signals_open(loop, &signal_watch, signals) < 0) {
		perror("tcp_server");
		return 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		int r = listener_open(&listeners[i], first_port + i);
		if (r < 0) {
			fprintf(stderr, "tcp_server: cannot listen on %s port %u: %s\n", address_text,
				first_port + i, strerror(-r));
			return 1;
		}
	}
	printf("READY %u listeners on %s from port %u\n", count, address_text, first_port);
	fflush(stdout);
	return loop_run(loop) < 0;
}
