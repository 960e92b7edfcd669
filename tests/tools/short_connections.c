/* SPDX-License-Identifier: MIT */
/*
 * short_connections: N loopback TCP connections one after another, each opened, used for
 * one byte and closed properly by both sides, in its network namespace. Prints the number
 * of TCP sockets it has closed: two per connection, and the listener.
 *
 * Usage: short_connections N 4|6
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "short_connections: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Both ends read the other's end of file before they close: no reset, no lingering socket. */
static void connection(int family, int listener, const struct sockaddr *address, socklen_t len)
{
	char byte = 1;
	int client = socket(family, SOCK_STREAM, 0);

	if (client < 0 || connect(client, address, len) < 0)
		die("connect");
	int server = accept(listener, NULL, NULL);
	if (server < 0 || write(client, &byte, 1) != 1 || read(server, &byte, 1) != 1)
		die("accept");
	if (shutdown(client, SHUT_WR) < 0 || read(server, &byte, 1) != 0 || close(server) < 0 ||
	    read(client, &byte, 1) != 0 || close(client) < 0)
		die("close");
}

int main(int argc, char **argv)
{
	if (argc != 3 || atoi(argv[1]) < 1) {
		fprintf(stderr, "usage: short_connections N 4|6\n");
		return 2;
	}
	int n = atoi(argv[1]), family = argv[2][0] == '6' ? AF_INET6 : AF_INET;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {.any.sa_family = family};
	socklen_t len = sizeof(address);

	if (family == AF_INET)
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		address.v6.sin6_addr = in6addr_loopback;
	int listener = socket(family, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, &address.any, sizeof(address)) < 0 || listen(listener, 8) < 0 ||
	    getsockname(listener, &address.any, &len) < 0)
		die("listen");
	for (int i = 0; i < n; i++)
		connection(family, listener, &address.any, len);
	close(listener);
	printf("%d\n", 2 * n + 1);
	return 0;
}
