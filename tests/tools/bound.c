/* SPDX-License-Identifier: MIT */
/*
 * bound: a TCP socket that has an address but neither listens nor connects, a state that
 * ordinary programs leave at once; with LISTENERS, as many sockets that listen on the same
 * port (SO_REUSEPORT). Prints READY; ends when stdin ends.
 *
 * Usage: bound PORT [LISTENERS]
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int make(int port, bool listens)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -1;
	if (listens)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return listens ? listen(fd, 1) : 0;
}

int main(int argc, char **argv)
{
	char byte;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: bound PORT [LISTENERS]\n");
		return 2;
	}
	for (int i = argc == 3 ? atoi(argv[2]) : 1; i > 0; i--) {
		if (make(atoi(argv[1]), argc == 3) < 0) {
			perror("bound");
			return 1;
		}
	}
	printf("READY\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
