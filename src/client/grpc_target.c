/* SPDX-License-Identifier: MIT */
#include "grpc_target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/unix_socket.h"
#include "control/option_name.h"

#define CONNECT_MS 5000

/* Where the daemon of this machine has its socket: the same variable moves both. */
static const char *usual_socket(void)
{
	const char *path = getenv("XTCP_GRPC_SOCKET");

	return path ? path : option_name_find("grpcSocket")->default_text;
}

int grpc_target_check(const struct grpc_target *t, char *error, size_t size)
{
	if (t->port < 1 || t->port > UINT16_MAX)
		snprintf(error, size, "-port %u: must be between 1 and %u", t->port, (unsigned)UINT16_MAX);
	else if (*t->socket && *t->host)
		snprintf(error, size, "-socket and -target: give one of them");
	else
		return 0;
	return -EINVAL;
}

/* A connected nonblocking socket, or -errno. */
static int connect_to(const struct addrinfo *ai)
{
	_cleanup_close_ int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return take_fd(fd);
	if (errno != EINPROGRESS)
		return -errno;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	if (poll(&p, 1, CONNECT_MS) <= 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return error ? -error : take_fd(fd);
}

static void freeaddrinfop(struct addrinfo **ai)
{
	if (*ai)
		freeaddrinfo(*ai);
}

/* Tries each address of the name. A descriptor, or -errno with a sentence in error. */
static int dial(const char *host, uint16_t port, char *error, size_t size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	_cleanup_(freeaddrinfop) struct addrinfo *list = NULL;
	char service[6];
	int fd = -EHOSTUNREACH;

	snprintf(service, sizeof(service), "%u", port);
	int r = getaddrinfo(host, service, &hints, &list);
	if (r != 0) {
		snprintf(error, size, "-target %s: %s", host, gai_strerror(r));
		return -EINVAL;
	}
	for (const struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_to(ai);
	if (fd == -ECONNREFUSED)
		snprintf(
		    error, size,
		    "nothing listens on %s port %u; start the daemon (xtcp2 -grpcListen %s -grpcPort %u), or name another place with -target and -port",
		    host, port, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port);
	else if (fd < 0)
		snprintf(error, size, "cannot connect to %s port %u: %s", host, port, strerror(-fd));
	return fd;
}

static int dial_unix(const char *path, char *name, char *authority, char *error, size_t size)
{
	int fd = unix_socket_connect(path);

	snprintf(name, GRPC_TARGET_NAME_MAX, "%s", path);
	snprintf(authority, GRPC_TARGET_NAME_MAX, "localhost");
	if (fd == -EACCES || fd == -EPERM)
		snprintf(
		    error, size,
		    "the socket %s does not let this user in; be root or a member of a group that the daemon's -grpcAdmins or -grpcReaders names",
		    path);
	else if (fd == -ENOENT || fd == -ECONNREFUSED)
		snprintf(
		    error, size,
		    "nothing listens on %s; start the daemon (xtcp2 -grpcSocket %s), or name another place with -socket",
		    path, path);
	else if (fd < 0)
		snprintf(error, size, "cannot connect to %s: %s", path, strerror(-fd));
	return fd;
}

int grpc_target_connect(const struct grpc_target *t, char name[static GRPC_TARGET_NAME_MAX],
			char authority[static GRPC_TARGET_NAME_MAX], char *error, size_t size)
{
	const char *host = *t->host ? t->host : GRPC_TARGET_HOST, *path = usual_socket();

	if (*t->socket)
		return dial_unix(t->socket, name, authority, error, size);
	if (!*t->host && t->port == GRPC_TARGET_PORT && *path) {
		int fd = dial_unix(path, name, authority, error, size);
		if (fd >= 0)
			return fd;
	}
	snprintf(name, GRPC_TARGET_NAME_MAX, "%s port %u", host, t->port);
	snprintf(authority, GRPC_TARGET_NAME_MAX, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, t->port);
	return dial(host, (uint16_t)t->port, error, size);
}
