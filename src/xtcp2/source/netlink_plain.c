/* SPDX-License-Identifier: MIT */
/* Receives dumps with recvmsg(2), one batch per call, into a buffer that fits the processor's cache. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>

#include "source/netlink.h"
#include "source/netlink_socket.h"

static int plain_open(struct source *s)
{
	s->reader_data = malloc(s->size);
	return s->reader_data ? 0 : -ENOMEM;
}

static void plain_close(struct source *s)
{
	free(s->reader_data);
}

/* The kernel makes the batch inside the call, so the first non-blocking attempt nearly always succeeds. */
static ssize_t plain_recv(struct attempt *a, const uint8_t **data)
{
	struct source *s = a->source;
	struct sockaddr_nl from;
	struct iovec iov = {.iov_base = s->reader_data, .iov_len = s->size};
	struct msghdr msg = {
	    .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	while ((n = recvmsg(a->ns->socket->fd, &msg, MSG_DONTWAIT)) < 0) {
		int r = errno == EINTR ? 0 : -errno;
		if (r == -EAGAIN)
			r = netlink_wait(a);
		if (r < 0)
			return netlink_recv_failed(a, r);
		msg.msg_namelen = sizeof(from);
	}
	*data = s->reader_data;
	return netlink_received(a, n, &from, msg.msg_namelen, msg.msg_flags);
}

const struct netlink_reader netlink_plain = {
    .open = plain_open,
    .close = plain_close,
    .recv = plain_recv,
};
