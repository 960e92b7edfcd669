/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_MESSAGE_H
#define TESTS_UNIT_MESSAGE_H
/* Builds inet_diag messages. */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct message {
	union {
		struct nlmsghdr header;
		uint8_t bytes[4096];
	};
};

static inline struct inet_diag_msg *message_base(struct message *m)
{
	return NLMSG_DATA(&m->header);
}

static inline void message_begin(struct message *m, uint8_t family, uint8_t state)
{
	memset(m, 0, sizeof(*m));
	m->header.nlmsg_len = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	m->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	m->header.nlmsg_flags = NLM_F_MULTI;
	message_base(m)->idiag_family = family;
	message_base(m)->idiag_state = state;
}

static inline void message_attr(struct message *m, uint16_t type, const void *payload, uint16_t len)
{
	struct nlattr nla = {.nla_len = NLA_HDRLEN + len, .nla_type = type};
	uint8_t *end = m->bytes + m->header.nlmsg_len;

	memcpy(end, &nla, sizeof(nla));
	memcpy(end + NLA_HDRLEN, payload, len);
	m->header.nlmsg_len += NLA_ALIGN(nla.nla_len);
}

#endif
