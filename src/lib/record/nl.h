/* SPDX-License-Identifier: MIT */
#ifndef RECORD_NL_H
#define RECORD_NL_H
/*
 * Walks over netlink messages and attributes in a received buffer. Every length
 * is checked before it is used; a walk stops at the first invalid one and leaves
 * `left` non-zero, by which the caller detects it.
 *
 *	struct nl_walk walk = {buffer, received};
 *	nl_for_each_msg (nlh, walk)
 *		...
 *	if (walk.left)
 *		damaged
 */
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct nl_walk {
	const void *p;
	size_t left;
};

struct attr {
	uint16_t type; /* without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
	uint16_t len;  /* of the payload */
	const uint8_t *payload;
};

static inline void nl_walk_step(struct nl_walk *w, size_t n)
{
	size_t step = NLMSG_ALIGN(n);

	if (step > w->left)
		step = w->left;
	w->p = (const uint8_t *)w->p + step;
	w->left -= step;
}

/* The next whole message or NULL. The buffer must be aligned to 4 bytes. */
static inline const struct nlmsghdr *nl_next(struct nl_walk *w)
{
	const struct nlmsghdr *nlh = w->p;

	if (w->left < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > w->left)
		return NULL;
	nl_walk_step(w, nlh->nlmsg_len);
	return nlh;
}

/* The next whole attribute. Any alignment. */
static inline bool attr_next(struct nl_walk *w, struct attr *a)
{
	struct nlattr nla;

	if (w->left < sizeof(nla))
		return false;
	memcpy(&nla, w->p, sizeof(nla));
	if (nla.nla_len < sizeof(nla) || nla.nla_len > w->left)
		return false;
	a->type = nla.nla_type & NLA_TYPE_MASK;
	a->len = nla.nla_len - sizeof(nla);
	a->payload = (const uint8_t *)w->p + sizeof(nla);
	nl_walk_step(w, nla.nla_len);
	return true;
}

#define nl_for_each_msg(nlh, walk) while (((nlh) = nl_next(&(walk))))
#define attr_for_each(attr, walk)  while (attr_next(&(walk), &(attr)))

#endif
