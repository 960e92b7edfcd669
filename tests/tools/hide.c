/* SPDX-License-Identifier: MIT */
/*
 * hide: makes a network namespace that neither a mount nor a process shows, with one
 * TCP listener on port 7000 in it, prints READY and holds it until stdin ends.
 *
 * Usage: hide thread    a thread is in it, the process is not
 *        hide socket    the process has returned to its own and keeps the socket
 *        hide passed    the process has the socket from another one, which has ended
 *        hide swap      as socket; a line on stdin exchanges the descriptor for another of the same socket
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIDE_PORT 7000

static void check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static int listen_apart(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(HIDE_PORT)};

	check(unshare(CLONE_NEWNET), "unshare");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(fd, "socket");
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	check(listen(fd, 1), "listen");
	return fd;
}

static pthread_barrier_t ready;

static void *thread_main(void *data)
{
	listen_apart();
	pthread_barrier_wait(&ready);
	pause();
	return NULL;
}

static void by_thread(void)
{
	pthread_t thread;

	pthread_barrier_init(&ready, NULL, 2);
	check(-pthread_create(&thread, NULL, thread_main, NULL), "pthread_create");
	pthread_barrier_wait(&ready);
}

static int by_socket(void)
{
	int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	check(self, "/proc/self/ns/net");
	int fd = listen_apart();
	check(setns(self, CLONE_NEWNET), "setns");
	close(self);
	return fd;
}

/* Send fd in a message of one byte, or, with fd -1, receive a descriptor. */
static int pass(int socket_fd, int fd)
{
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	if (fd < 0) {
		check((int)recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC), "recvmsg");
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
		return fd;
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	check((int)sendmsg(socket_fd, &message, 0), "sendmsg");
	return fd;
}

static int by_message(void)
{
	int ends[2], status;

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
	pid_t child = fork();
	check(child, "fork");
	if (child == 0) {
		pass(ends[1], listen_apart());
		_exit(0);
	}
	int fd = pass(ends[0], -1);
	waitpid(child, &status, 0);
	close(ends[0]);
	close(ends[1]);
	return fd;
}

int main(int argc, char **argv)
{
	const char *how = argc == 2 ? argv[1] : "";
	char line[64];
	int fd = -1;

	if (strcmp(how, "thread") == 0)
		by_thread();
	else if (strcmp(how, "socket") == 0 || strcmp(how, "swap") == 0)
		fd = by_socket();
	else if (strcmp(how, "passed") == 0)
		fd = by_message();
	else
		return 2;
	puts("READY");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int other = fcntl(fd, F_DUPFD_CLOEXEC, fd + 1);
		close(fd);
		fd = other;
		puts("SWAPPED");
		fflush(stdout);
	}
	return 0;
}
