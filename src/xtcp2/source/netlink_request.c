/* SPDX-License-Identifier: MIT */
/* What the netlink source asks the kernel. */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "source/netlink.h"
#include "source/netlink_socket.h"

/* include/net/tcp_states.h */
#define STATES_LISTEN (1 << 10)

uint32_t netlink_next_seq(struct attempt *a)
{
	struct netlink_socket *socket = a->ns->socket;

	socket->seq = socket->seq ? socket->seq + 1 : a->source->config.first_seq;
	if (socket->seq == 0) /* 0 stands for "none yet" */
		socket->seq = 1;
	return socket->seq;
}

int netlink_send(struct attempt *a, const void *request, size_t len)
{
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	while (sendto(a->ns->socket->fd, request, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) <
	       0) {
		if (errno == EINTR)
			continue;
		a->source->count[STAT_NL_ERR_SEND]++;
		return -errno;
	}
	return 0;
}

struct request_message {
	struct nlmsghdr nlh;
	union {
		struct inet_diag_req first;
		struct inet_diag_req_v2 second;
	};
	uint8_t room[NLA_HDRLEN + BYTECODE_MAX]; /* the attribute follows the shorter request, too */
};

/* Without a filter the request is as short as it can be. */
static void append_filter(struct request_message *request, const struct bytecode *filter)
{
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + filter->len),
				   .nla_type = INET_DIAG_REQ_BYTECODE};
	uint8_t *end = (uint8_t *)request + request->nlh.nlmsg_len;

	if (filter->len == 0)
		return;
	memcpy(end, &attribute, sizeof(attribute));
	memcpy(end + NLA_HDRLEN, filter->code, filter->len);
	request->nlh.nlmsg_len += NLMSG_ALIGN(attribute.nla_len);
}

int netlink_send_dump(struct attempt *a, const struct request *q)
{
	struct source *s = a->source;
	struct request_message request;
	uint32_t states = s->config.states & (q->listeners ? STATES_LISTEN : UINT32_MAX);

	memset(&request, 0, offsetof(struct request_message, room));
	request.nlh.nlmsg_type = q->type;
	request.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;

	if (q->type == TCPDIAG_GETSOCK) {
		request.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(request.first));
		request.first.idiag_ext = s->config.ext;
		request.first.idiag_states = states;
	} else {
		request.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(request.second));
		request.second.sdiag_family = q->family;
		request.second.sdiag_protocol = IPPROTO_TCP;
		request.second.idiag_ext = s->config.ext;
		request.second.idiag_states = states;
	}
	append_filter(&request, &s->filter);
	request.nlh.nlmsg_seq = netlink_next_seq(a);
	s->count[q->listeners ? STAT_NL_LISTEN_DUMPS : STAT_NL_DUMPS]++;
	return netlink_send(a, &request, request.nlh.nlmsg_len);
}
