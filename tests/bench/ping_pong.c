/* SPDX-License-Identifier: MIT */
/*
 * ping_pong: two threads send one byte to and fro over a connection on loopback, for SECONDS. Prints one JSON line with the number of
 * round trips and their percentiles in microseconds: what a poll beside it costs others. A round trip longer than HISTOGRAM_US
 * counts as that. Each thread has a processor of its own where there are two: where the scheduler places them makes more
 * difference than what runs beside them.
 *
 * Usage: ping_pong SECONDS
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define HISTOGRAM_US 100000

static unsigned long histogram[HISTOGRAM_US + 1];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		sched_setaffinity(0, sizeof(set), &set);
}

static void *echo(void *data)
{
	int fd = *(int *)data;
	char byte;

	stay_on(1);
	while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
		;
	return NULL;
}

/* Make both ends of a connection. */
static void connect_pair(int fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0)
		die("listen");
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (fds[0] < 0 || connect(fds[0], (struct sockaddr *)&address, len) < 0)
		die("connect");
	fds[1] = accept(listener, NULL, NULL);
	if (fds[1] < 0)
		die("accept");
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(listener);
}

/* The least number of microseconds that `part` of all round trips stay within. */
static unsigned percentile(unsigned long trips, double part)
{
	unsigned long below = 0;

	for (unsigned us = 0; us <= HISTOGRAM_US; us++) {
		below += histogram[us];
		if ((double)below >= (double)trips * part)
			return us;
	}
	return HISTOGRAM_US;
}

int main(int argc, char **argv)
{
	int64_t until = clock_mono_ns() + (argc > 1 ? atoi(argv[1]) : 5) * NS_PER_SEC;
	unsigned long trips = 0;
	pthread_t thread;
	char byte = 0;
	int fds[2];

	connect_pair(fds);
	if (pthread_create(&thread, NULL, echo, &fds[1]))
		die("pthread_create");
	stay_on(0);
	for (int64_t begin = clock_mono_ns(); begin < until; trips++) {
		if (write(fds[0], &byte, 1) != 1 || read(fds[0], &byte, 1) != 1)
			die("round trip");
		int64_t end = clock_mono_ns(), us = (end - begin) / 1000;
		histogram[us > HISTOGRAM_US ? HISTOGRAM_US : us]++;
		begin = end;
	}
	printf("{\"trips\": %lu, \"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u, \"max_us\": %u}\n", trips,
	       percentile(trips, 0.5), percentile(trips, 0.99), percentile(trips, 0.999),
	       percentile(trips, 1));
	return 0;
}
