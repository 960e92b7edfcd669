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
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/secret_file.h"
#include "base/sockaddr.h"
#include "base/unix_socket.h"
#include "control/option_name.h"
#include "grpc/tls.h"

#define CONNECT_MS 5000

/* The path of the daemon's socket on this machine; the same variable sets it for the daemon. */
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
	else if (*t->socket && t->tls)
		snprintf(error, size, "-socket and -tls: the socket is this machine's own, and needs none");
	else if (!t->tls && (*t->tls_ca || *t->tls_cert || *t->tls_key || *t->tls_name))
		snprintf(error, size, "-tls: must be given with -tlsCa, -tlsCert, -tlsKey and -tlsName");
	else if (!*t->tls_cert != !*t->tls_key)
		snprintf(error, size, "-tlsCert and -tlsKey: give both or none");
	else
		return 0;
	return -EINVAL;
}

/* Return a connected nonblocking socket, or -errno. */
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

/* Try each address of the name. Return a descriptor, or -errno with a sentence in error. */
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

static int dial_unix(const char *path, struct grpc_connection *c, char *error, size_t size)
{
	int r = grpc_connect_unix(c, path);

	if (r == -EACCES || r == -EPERM)
		snprintf(
		    error, size,
		    "the socket %s does not let this user in; be root or a member of a group that the daemon's -grpcAdmins or -grpcReaders names",
		    path);
	else if (r == -ENOENT || r == -ECONNREFUSED)
		snprintf(
		    error, size,
		    "nothing listens on %s; start the daemon (xtcp2 -grpcSocket %s), or name another place with -socket",
		    path, path);
	else if (r < 0)
		snprintf(error, size, "cannot connect to %s: %s", path, strerror(-r));
	return r;
}

/* Connect over TCP or the UNIX socket, before TLS. 0 or -errno. */
static int dial_target(struct grpc_connection *c, const struct grpc_target *t, char *error, size_t size)
{
	const char *host = *t->host ? t->host : GRPC_TARGET_HOST, *path = usual_socket();

	if (*t->socket)
		return dial_unix(t->socket, c, error, size);
	if (!*t->host && t->port == GRPC_TARGET_PORT && !t->tls && *path &&
	    dial_unix(path, c, error, size) == 0)
		return 0;
	snprintf(c->name, sizeof(c->name), "%s port %u", host, t->port);
	snprintf(c->authority, sizeof(c->authority), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, t->port);
	int fd = dial(host, (uint16_t)t->port, error, size);
	if (fd < 0)
		return fd;
	c->fd = fd;
	return 0;
}

/* Tokens */

/* Return whether all data sent to fd stays on this machine. */
static bool is_local(int fd)
{
	struct sockaddr_storage address = {0};

	if (getpeername(fd, (struct sockaddr *)&address, &(socklen_t){sizeof(address)}) < 0)
		return false;
	return address.ss_family == AF_UNIX || sockaddr_is_loopback(&address);
}

static int token_from_file(const char *path, char *token, size_t token_size, char *error, size_t size)
{
	char why[300];
	_cleanup_close_ int fd = secret_file_open(path, why, sizeof(why));
	ssize_t n = fd < 0 ? -1 : read(fd, token, token_size - 1);

	if (n <= 0) {
		snprintf(error, size, "-tokenFile %s%s", fd < 0 ? why : path,
			 fd < 0 ? "" : ": nothing in it");
		return -EINVAL;
	}
	token[n] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	return 0;
}

static int authorize(struct grpc_connection *c, const struct grpc_target *t, char *error, size_t size)
{
	static const char scheme[] = "Bearer ";
	const char *environment = getenv("XTCP2_TOKEN");
	char token[GRPC_AUTHORIZATION_MAX - sizeof(scheme)] = "";

	if (*t->token_file) {
		if (token_from_file(t->token_file, token, sizeof(token), error, size) < 0)
			return -EINVAL;
	} else if (environment) {
		snprintf(token, sizeof(token), "%s", environment);
	}
	if (!*token)
		return 0;
	if (!c->tls && !is_local(c->fd)) {
		snprintf(error, size, "the token is not sent to %s in the clear; use -tls", c->name);
		return -EINVAL;
	}
	snprintf(c->authorization, sizeof(c->authorization), "%s%s", scheme, token);
	return 0;
}

/* TLS */

static int handshake(struct grpc_connection *c, char *error, size_t size)
{
	uint32_t events;
	int r;

	while ((r = tls_handshake(c->tls, &events)) == -EAGAIN) {
		struct pollfd p = {.fd = c->fd, .events = events == EPOLLOUT ? POLLOUT : POLLIN};
		if (poll(&p, 1, CONNECT_MS) <= 0) {
			snprintf(error, size, "no TLS with %s: no answer", c->name);
			return -ETIMEDOUT;
		}
	}
	if (r < 0)
		snprintf(error, size,
			 "no TLS with %s: %s; -tlsCa names whom to believe, and the daemon needs -grpcTls",
			 c->name, tls_reason(c->tls));
	return r;
}

static int start_tls(struct grpc_connection *c, const struct grpc_target *t, char *error, size_t size)
{
	const struct tls_options options = {t->tls_cert, t->tls_key, t->tls_ca};
	const char *name = *t->tls_name ? t->tls_name : *t->host ? t->host : GRPC_TARGET_HOST;

	c->tls_context = tls_client_context(&options, error, size);
	if (!c->tls_context)
		return -EINVAL;
	c->tls = tls_new(c->tls_context, c->fd, name);
	if (!c->tls) {
		snprintf(error, size, "no memory for TLS");
		return -ENOMEM;
	}
	return handshake(c, error, size);
}

/* Connections */

static int connect_target(struct grpc_connection *c, const struct grpc_target *t, char *error, size_t size)
{
	int r = dial_target(c, t, error, size);

	c->advice = t->tls ? "; is it the port of -grpcPort?"
			   : "; is it the port of -grpcPort, and is that without -grpcTls?";
	if (r == 0 && t->tls)
		r = start_tls(c, t, error, size);
	if (r == 0)
		r = authorize(c, t, error, size);
	if (r < 0)
		grpc_disconnect(c);
	return r;
}

struct grpc_client *grpc_target_client(struct loop *loop, const struct grpc_target *t, char *error,
				       size_t size)
{
	struct grpc_connection connection = GRPC_DISCONNECTED;

	if (connect_target(&connection, t, error, size) < 0)
		return NULL;
	struct grpc_client *client = grpc_client_new(loop, &connection);
	if (!client)
		snprintf(error, size, "cannot start a connection: %s", strerror(errno));
	return client;
}
