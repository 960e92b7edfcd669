/* SPDX-License-Identifier: MIT */
#include "source/netlink_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netns/files.h"
#include "source/netlink_lookup.h"

/*
 * Receive buffer in bytes. The kernel makes the next 32 KiB batch of a dump only while at most half of it is
 * in use, so it must hold two. Set explicitly, because net.core.rmem_default may be very small.
 */
#define NETLINK_RCVBUF (256 * 1024)

static void counters_close(struct netlink_socket *s)
{
	int *fds[] = {&s->sockstat, &s->sockstat6};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			netns_files_closed();
		cleanup_closep(fds[i]);
		*fds[i] = -1;
	}
}

static void socket_close(struct netlink_socket *s)
{
	cleanup_closep(&s->fd);
	s->fd = -1;
	counters_close(s);
}

static void socket_free(struct netlink_socket *s)
{
	known_list_free(s->known);
	free(s);
}

static const struct netns_socket_ops socket_ops = {.close = socket_close, .free = socket_free};

/* Make the socket in the namespace that the thread is in now. */
static int socket_make(struct netns *ns)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	socklen_t address_len = sizeof(address);
	int size = NETLINK_RCVBUF;

	if (!ns->socket) {
		ns->socket = calloc(1, sizeof(*ns->socket));
		if (!ns->socket)
			return -ENOMEM;
		ns->socket->sockstat = ns->socket->sockstat6 = -1;
	}
	ns->socket_ops = &socket_ops;
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

/* An open file of a directory net shows the namespace that the thread was in when it was opened, and holds it. */
static int counter_open(const char *path)
{
	int fd = netns_files_keep() ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0)
		netns_files_opened();
	return fd;
}

static int counted_make(struct netns *ns)
{
	int r = socket_make(ns);

	if (r == 0) {
		ns->socket->sockstat = counter_open("/proc/thread-self/net/sockstat");
		ns->socket->sockstat6 = counter_open("/proc/thread-self/net/sockstat6");
	}
	return r;
}

int netlink_socket_open_counted(struct netns *ns)
{
	return netns_open(ns, counted_make);
}
