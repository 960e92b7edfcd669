/* SPDX-License-Identifier: MIT */
#include "source/netlink_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/*
 * Receive buffer in bytes. The kernel makes the next 32 KiB batch of a dump only while at most half of it is
 * in use, so it must hold two. Set explicitly, because net.core.rmem_default may be very small.
 */
#define NETLINK_RCVBUF (256 * 1024)

static void socket_close(struct netlink_socket *s)
{
	cleanup_closep(&s->fd);
	s->fd = -1;
}

static void socket_free(struct netlink_socket *s)
{
	free(s);
}

static const struct netns_socket_ops socket_ops = {.close = socket_close, .free = socket_free};

/* Make the socket in the namespace that the thread is in now. */
static int socket_make(struct netns *ns)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	socklen_t address_len = sizeof(address);
	int size = NETLINK_RCVBUF;

	if (!ns->socket)
		ns->socket = calloc(1, sizeof(*ns->socket));
	ns->socket_ops = &socket_ops;
	if (!ns->socket)
		return -ENOMEM;
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ns->socket->fd = -1;
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &address_len) < 0)
		return -errno;
	/* A failure is not fatal: the default buffer remains. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ns->cookie = netns_socket_cookie(fd);
	ns->socket->portid = address.nl_pid;
	ns->socket->fd = take_fd(fd);
	return 0;
}

int netlink_socket_open(struct netns *ns)
{
	return netns_open(ns, socket_make);
}
