/* SPDX-License-Identifier: MIT */
/*
 * populate: N loopback TCP connections, both ends open, in its network namespace: 2 N
 * established sockets for benches. Uses as many processes as the limit of open files
 * requires. Prints READY and holds them until stdin ends or SIGTERM; a reset at the end
 * leaves no TIME_WAIT.
 *
 * Usage: populate PAIRS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"

/* Descriptors of a process other than the ends of pairs. */
#define SPARE_FDS 32

/* Local ports of one destination: net.ipv4.ip_local_port_range holds 28,232 by default;
 * half is found fast. */
#define PAIRS_PER_LISTENER 12000

#define PROCESSES_MAX 1024

static void die(const char *what)
{
	fprintf(stderr, "populate: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static int stream_socket(void)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return fd;
}

static void make_pairs(unsigned pairs)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	int listener = stream_socket();

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 128) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0)
		die("listen");
	for (unsigned i = 0; i < pairs; i++) {
		int client = stream_socket();
		if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0)
			die("connect");
		int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (server < 0)
			die("accept");
		setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	close(listener);
}

/* Run a child: make its pairs, report, and hold them until the parent's end of `hold` closes. */
static void child(unsigned pairs, int ready, int hold)
{
	char byte = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make_pairs(pairs);
	if (write(ready, &byte, 1) != 1)
		die("pipe");
	while (read(hold, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void on_term(int signal_number)
{
	_exit(0); /* closes the pipe that the children wait for */
}

int main(int argc, char **argv)
{
	char *end = NULL;
	unsigned long pairs = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
	int ready[2], hold[2];
	unsigned processes = 0;
	char byte;

	if (argc != 2 || *end || pairs == 0) {
		fprintf(stderr, "usage: populate PAIRS\n");
		return 2;
	}
	unsigned long most = (limits_raise_files() - SPARE_FDS) / 2;
	if (most > PAIRS_PER_LISTENER)
		most = PAIRS_PER_LISTENER;
	if (pairs > most * PROCESSES_MAX) {
		fprintf(stderr, "populate: at most %lu pairs with this limit of open files\n",
			most * PROCESSES_MAX);
		return 2;
	}
	if (pipe(ready) < 0 || pipe(hold) < 0)
		die("pipe");
	for (unsigned long left = pairs; left > 0; processes++) {
		unsigned n = left < most ? left : most;
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			close(hold[1]);
			close(ready[0]);
			child(n, ready[1], hold[0]);
		}
		left -= n;
	}
	close(ready[1]);
	close(hold[0]);
	signal(SIGTERM, on_term);
	for (unsigned i = 0; i < processes; i++) {
		if (read(ready[0], &byte, 1) != 1) /* a child failed and has printed the reason */
			return 1;
	}
	printf("READY %lu sockets in %u processes\n", pairs * 2, processes);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}
