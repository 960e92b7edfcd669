/* SPDX-License-Identifier: MIT */
/*
 * own_files: a process that listens on port 7000, with a thread that has descriptors of its own (CLONE_FILES) and
 * listens on port 7001 by one that the process does not have. The thread has another name than the process. Prints READY;
 * ends when stdin ends.
 *
 * Usage: own_files
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_barrier_t ready;

static void check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd, "socket");
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	check(listen(fd, 1), "listen");
}

static void *thread_main(void *data)
{
	pthread_setname_np(pthread_self(), "thread");
	check(unshare(CLONE_FILES), "unshare");
	listen_on(7001);
	pthread_barrier_wait(&ready);
	pause();
	return NULL;
}

int main(void)
{
	pthread_t thread;
	char byte;

	listen_on(7000);
	pthread_barrier_init(&ready, NULL, 2);
	check(-pthread_create(&thread, NULL, thread_main, NULL), "pthread_create");
	pthread_barrier_wait(&ready);
	printf("READY\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
