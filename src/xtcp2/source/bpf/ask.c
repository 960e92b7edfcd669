/* SPDX-License-Identifier: MIT */
#include "source/bpf/ask.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "record/nl.h"
#include "source/netlink_socket.h"

/* The kernel answers within the call that asks; a wait is an exception. */
#define ASK_WAIT_MS 1000

/* A batch of a dump before the kernel knows the size of the reader's buffer (NLMSG_GOODSIZE on 4 and 16 KiB pages). */
#define ASK_BUFFER 32768

static int ask_send(struct netns *ns, uint16_t type, uint16_t flags, const void *body, size_t len)
{
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct netlink_socket *socket = ns->socket;
	struct {
		struct nlmsghdr nlh;
		char body[sizeof(struct inet_diag_req_v2) + 8];
	} message = {.nlh = {.nlmsg_len = NLMSG_LENGTH(len),
			     .nlmsg_type = type,
			     .nlmsg_flags = NLM_F_REQUEST | flags}};

	memcpy(message.body, body, len);
	if (++socket->seq == 0) /* 0 stands for "none yet" */
		socket->seq = 1;
	message.nlh.nlmsg_seq = socket->seq;
	ssize_t n = sendto(socket->fd, &message, message.nlh.nlmsg_len, 0, (const struct sockaddr *)&kernel,
			   sizeof(kernel));
	return n < 0 ? -errno : 0;
}

/* Receive one batch from the kernel: its length or -errno. */
static ssize_t ask_receive(struct netns *ns, void *buffer, size_t size)
{
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	struct pollfd p = {.fd = ns->socket->fd, .events = POLLIN};
	ssize_t n = recvfrom(p.fd, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

	if (n < 0 && errno == EAGAIN) {
		int ready = poll(&p, 1, ASK_WAIT_MS);
		if (ready <= 0)
			return ready == 0 ? -ETIMEDOUT : -errno;
		n = recvfrom(p.fd, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
	}
	if (n < 0)
		return -errno;
	return from_len == sizeof(from) && from.nl_pid == 0 ? n : 0;
}

/* Take the cookie from the answer if it is about the same socket. 1: not for us, 0 or -errno. */
static int take_answer(const struct netns *ns, const struct nlmsghdr *h, struct abi_inet_diag_msg *msg)
{
	struct abi_inet_diag_msg answer;
	int error = 0;

	if (h->nlmsg_seq != ns->socket->seq || h->nlmsg_pid != ns->socket->portid)
		return 1;
	if (h->nlmsg_type == NLMSG_ERROR) {
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
			memcpy(&error, NLMSG_DATA(h), sizeof(error));
		return error < 0 ? error : -EPROTO;
	}
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(answer)))
		return 1;
	memcpy(&answer, NLMSG_DATA(h), sizeof(answer));
	if (answer.idiag_inode != msg->idiag_inode || answer.id.idiag_sport != msg->id.idiag_sport ||
	    answer.id.idiag_dport != msg->id.idiag_dport)
		return -ENOENT;
	memcpy(msg->id.idiag_cookie, answer.id.idiag_cookie, sizeof(msg->id.idiag_cookie));
	return 0;
}

int ask_cookie(struct netns *ns, struct abi_inet_diag_msg *msg)
{
	_Alignas(4) char buffer[4096];
	struct inet_diag_req_v2 request = {.sdiag_family = msg->idiag_family, .sdiag_protocol = IPPROTO_TCP};
	const struct nlmsghdr *h;
	int r = netlink_socket_open(ns);

	if (r < 0)
		return r;
	request.idiag_states = UINT32_MAX;
	memcpy(&request.id, &msg->id, sizeof(request.id));
	request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	r = ask_send(ns, SOCK_DIAG_BY_FAMILY, 0, &request, sizeof(request));
	while (r == 0) {
		ssize_t n = ask_receive(ns, buffer, sizeof(buffer));
		if (n < 0) {
			r = n;
			break;
		}
		struct nl_walk walk = {buffer, n};
		nl_for_each_msg (h, walk) {
			r = take_answer(ns, h, msg);
			if (r <= 0)
				return r;
		}
		r = 0;
	}
	netns_close(ns); /* an answer may still come */
	return r;
}

int ask_all(struct netns *ns, uint32_t states)
{
	_cleanup_free_ char *buffer = malloc(ASK_BUFFER);
	struct inet_diag_req request = {.idiag_states = states};
	const struct nlmsghdr *h;
	int r = buffer ? netlink_socket_open(ns) : -ENOMEM;

	if (r == 0)
		r = ask_send(ns, TCPDIAG_GETSOCK, NLM_F_DUMP, &request, sizeof(request));
	while (r == 0) {
		ssize_t n = ask_receive(ns, buffer, ASK_BUFFER);
		if (n < 0) {
			r = n;
			break;
		}
		struct nl_walk walk = {buffer, n};
		nl_for_each_msg (h, walk) {
			if (h->nlmsg_seq != ns->socket->seq || h->nlmsg_pid != ns->socket->portid)
				continue;
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return -EPROTO;
		}
	}
	if (ns->state == NETNS_OPEN)
		netns_close(ns); /* an answer may still come */
	return r;
}
