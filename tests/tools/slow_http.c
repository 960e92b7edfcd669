/* SPDX-License-Identifier: MIT */
/*
 * slow_http: connections that occupy an HTTP server without a complete request.
 *
 *   slow_http PORT DRIPPING IDLE
 *
 * DRIPPING connections to 127.0.0.1 send a request at one byte per second, IDLE ones send
 * nothing. A connection that the server closes is reopened within a second. Prints
 * "N dripping, N idle" once all were opened, and runs until a signal ends it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1536
#define REQUEST		"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Nothing: "

static int fds[CONNECTIONS_MAX];
static size_t sent[CONNECTIONS_MAX];

/* Begin to connect; if the backlog is full the kernel tries again. */
static void dial(size_t i, uint16_t port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		perror("slow_http: socket");
		exit(1);
	}
	connect(fd, (struct sockaddr *)&to, sizeof(to));
	fds[i] = fd;
	sent[i] = 0;
}

/* Return whether the server has closed the connection. */
static int ended(size_t i)
{
	char byte;

	return recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
}

static void drip(size_t i)
{
	/* After the end of the text the request continues with an endless header. */
	char byte = sent[i] < sizeof(REQUEST) - 1 ? REQUEST[sent[i]] : 'x';

	if (send(fds[i], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		sent[i]++;
}

int main(int argc, char **argv)
{
	size_t dripping = argc == 4 ? strtoul(argv[2], NULL, 10) : CONNECTIONS_MAX;
	size_t all = argc == 4 ? dripping + strtoul(argv[3], NULL, 10) : 0;

	if (all == 0 || all > CONNECTIONS_MAX || dripping > all) {
		fprintf(stderr, "usage: slow_http PORT DRIPPING IDLE   (%d in all)\n", CONNECTIONS_MAX);
		return 2;
	}
	uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
	for (size_t i = 0; i < all; i++)
		dial(i, port);
	printf("%zu dripping, %zu idle\n", dripping, all - dripping);
	fflush(stdout);
	for (;; sleep(1)) {
		for (size_t i = 0; i < all; i++) {
			if (ended(i)) {
				close(fds[i]);
				dial(i, port);
			}
			if (i < dripping)
				drip(i);
		}
	}
}
