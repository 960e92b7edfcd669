/* SPDX-License-Identifier: MIT */
#include "netns/nsid.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* Room for one request or reply: a header and four attributes, or an error that quotes the request. */
#define NSID_MESSAGE_MAX 512

/*
 * Receive buffer for messages about nsids, in bytes: each takes some 800, so more than
 * 1,000 namespaces may end at once. Half of it is requested, as the kernel doubles the value.
 */
#define NSID_WATCH_BUFFER (1 << 20)

int nsid_socket(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(fd);
}

/* Set *nsid from a reply (NETNSA_NSID_NOT_ASSIGNED: none). Return 0, also for an ack, or -errno. */
static int take_reply(const struct nlmsghdr *h, size_t len, int32_t *nsid)
{
	const struct nlattr *a;

	if (!mnl_nlmsg_ok(h, (int)len))
		return -EBADMSG;
	if (h->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
		return h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*e) ? -EBADMSG : e->error;
	}
	mnl_attr_for_each(a, h, sizeof(struct rtgenmsg))
	{
		if (mnl_attr_get_type(a) == NETNSA_NSID && mnl_attr_get_payload_len(a) >= sizeof(*nsid))
			memcpy(nsid, mnl_attr_get_payload(a), sizeof(*nsid));
	}
	return 0;
}

static int request(int socket_fd, uint16_t type, int ns_fd, int32_t *nsid)
{
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	static uint32_t seq;
	_Alignas(struct nlmsghdr) char buffer[NSID_MESSAGE_MAX];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	uint32_t mine = __atomic_add_fetch(&seq, 1, __ATOMIC_RELAXED);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | (type == RTM_NEWNSID ? NLM_F_ACK : 0);
	h->nlmsg_seq = mine;
	mnl_nlmsg_put_extra_header(h, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(h, NETNSA_FD, ns_fd);
	if (type == RTM_NEWNSID)
		mnl_attr_put_u32(h, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED); /* any free one */
	if (sendto(socket_fd, h, h->nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	/* The kernel answers within sendto(2), so this does not wait. */
	for (;;) {
		ssize_t n = recv(socket_fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n < 0)
			return -errno;
		if ((size_t)n >= sizeof(*h) && h->nlmsg_seq == mine)
			return take_reply(h, n, nsid);
	}
}

int nsid_assign(int socket_fd, int ns_fd, int32_t *nsid)
{
	*nsid = NETNSA_NSID_NOT_ASSIGNED;
	int r = request(socket_fd, RTM_GETNSID, ns_fd, nsid);
	if (r < 0 || *nsid >= 0)
		return r;
	r = request(socket_fd, RTM_NEWNSID, ns_fd, nsid);
	/* EEXIST: another process has just assigned one. */
	if (r < 0 && r != -EEXIST)
		return r;
	r = request(socket_fd, RTM_GETNSID, ns_fd, nsid);
	return r == 0 && *nsid < 0 ? -ENOENT : r;
}

int nsid_watch_socket(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int group = RTNLGRP_NSID, size = NSID_WATCH_BUFFER / 2;
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return take_fd(fd);
}

int nsid_watch_read(int socket_fd, int32_t *nsid, bool *gone)
{
	_Alignas(struct nlmsghdr) char buffer[NSID_MESSAGE_MAX];
	const struct nlmsghdr *h = (const struct nlmsghdr *)buffer;
	/* No valid port, in case the kernel does not set it: the kernel's own port is 0. */
	struct sockaddr_nl from = {.nl_pid = UINT32_MAX};

	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t n =
		    recvfrom(socket_fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		/* Any process may send to a netlink socket: accept only messages of the kernel. */
		if (from.nl_pid != 0 || (size_t)n < sizeof(*h))
			continue;
		*nsid = NETNSA_NSID_NOT_ASSIGNED;
		*gone = h->nlmsg_type == RTM_DELNSID;
		if ((*gone || h->nlmsg_type == RTM_NEWNSID) && take_reply(h, n, nsid) == 0 && *nsid >= 0)
			return 1;
	}
}
