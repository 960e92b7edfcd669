/* SPDX-License-Identifier: MIT */
#include "vmrun/shell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/loop.h"
#include "vmrun/vm.h"

struct shell {
	struct loop *loop;
	struct vm *vm;
	void (*end)(void *data);
	void *data;
	struct loop_watch listener, client, terminal;
	struct termios saved;
	bool raw;
};

struct shell *shell_new(struct loop *loop, struct vm *vm, void (*end)(void *data), void *data)
{
	struct shell *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct shell){.loop = loop,
				    .vm = vm,
				    .end = end,
				    .data = data,
				    .listener.fd = -1,
				    .client.fd = -1,
				    .terminal.fd = -1};
	return s;
}

static void drop(struct shell *s, struct loop_watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(s->loop, w);
	if (w != &s->terminal)
		close(w->fd);
	w->fd = -1;
}

void shell_free(struct shell *s)
{
	if (!s)
		return;
	drop(s, &s->client);
	drop(s, &s->listener);
	drop(s, &s->terminal);
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	free(s);
}

static void on_client(struct loop_watch *w, uint32_t events)
{
	struct shell *s = w->data;
	char chunk[4096];
	ssize_t n = read(w->fd, chunk, sizeof(chunk));

	if (n > 0)
		vm_write(s->vm, CHANNEL_SHELL, chunk, n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		drop(s, w);
}

static void on_terminal(struct loop_watch *w, uint32_t events)
{
	struct shell *s = w->data;
	char chunk[4096];
	ssize_t n = read(w->fd, chunk, sizeof(chunk));
	char *leave = n > 0 ? memchr(chunk, SHELL_ESCAPE_CHAR, n) : NULL;

	if (n > 0)
		vm_write(s->vm, CHANNEL_SHELL, chunk, leave ? leave - chunk : n);
	if (leave || n <= 0) {
		drop(s, w);
		s->end(s->data);
	}
}

static void on_connect(struct loop_watch *w, uint32_t events)
{
	struct shell *s = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	drop(s, &s->client);
	s->client = (struct loop_watch){.fd = fd, .name = "console client", .fn = on_client, .data = s};
	if (loop_add(s->loop, &s->client, EPOLLIN) < 0)
		drop(s, &s->client);
}

int shell_listen(struct shell *s, int port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	s->listener = (struct loop_watch){.fd = fd, .name = "console port", .fn = on_connect, .data = s};
	int r = bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 1) < 0 ||
			getsockname(fd, (struct sockaddr *)&at, &len) < 0
		    ? -errno
		    : loop_add(s->loop, &s->listener, EPOLLIN);
	if (r < 0)
		drop(s, &s->listener);
	return r < 0 ? r : ntohs(at.sin_port);
}

int shell_terminal(struct shell *s)
{
	if (tcgetattr(STDIN_FILENO, &s->saved) < 0)
		return -errno;
	struct termios raw = s->saved;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return -errno;
	s->raw = true;
	s->terminal =
	    (struct loop_watch){.fd = STDIN_FILENO, .name = "terminal", .fn = on_terminal, .data = s};
	return loop_add(s->loop, &s->terminal, EPOLLIN);
}

void shell_output(struct shell *s, const void *bytes, size_t n)
{
	ssize_t ignored = 0;

	/* A client that is too slow loses output: the machine must not wait for it. */
	if (s->client.fd >= 0)
		ignored = send(s->client.fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (s->terminal.fd >= 0)
		ignored = write(STDOUT_FILENO, bytes, n);
	(void)ignored;
}
