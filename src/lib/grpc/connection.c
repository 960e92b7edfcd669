/* SPDX-License-Identifier: MIT */
#include "grpc/connection.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix_socket.h"

int grpc_connect_unix(struct grpc_connection *c, const char *path)
{
	snprintf(c->name, sizeof(c->name), "%s", path);
	snprintf(c->authority, sizeof(c->authority), "localhost");
	int fd = unix_socket_connect(path);
	if (fd < 0)
		return fd;
	c->fd = fd;
	return 0;
}

void grpc_disconnect(struct grpc_connection *c)
{
	if (c->fd < 0)
		return;
	tls_free(c->tls);
	tls_context_free(c->tls_context);
	close(c->fd);
	c->tls = NULL;
	c->tls_context = NULL;
	c->fd = -1;
}

ssize_t grpc_recv(struct grpc_connection *c, void *data, size_t size)
{
	return c->tls ? tls_recv(c->tls, data, size) : recv(c->fd, data, size, MSG_DONTWAIT);
}

ssize_t grpc_transmit(struct grpc_connection *c, const void *data, size_t size)
{
	return c->tls ? tls_send(c->tls, data, size) : send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}
