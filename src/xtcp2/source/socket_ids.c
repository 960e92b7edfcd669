/* SPDX-License-Identifier: MIT */
#include "source/socket_ids.h"

#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"

/* The first byte: the family, and this for a listener. */
#define LISTENS 0x80
_Static_assert(AF_INET < LISTENS && AF_INET6 < LISTENS, "families leave the bit free");

/* Bytes of an address: IPv4 has its own in the first word, and 0 in the others. */
static size_t address_len(uint8_t family)
{
	return family == AF_INET ? sizeof(__be32) : 4 * sizeof(__be32);
}

static size_t entry_len(uint8_t family)
{
	const struct inet_diag_sockid *id = NULL;

	return 1 + sizeof(*id) - sizeof(id->idiag_src) - sizeof(id->idiag_dst) + 2 * address_len(family);
}

static uint8_t *put(uint8_t *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static const uint8_t *take(void *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	return from + len;
}

void socket_ids_add(struct buf *list, const struct socket_id *one)
{
	size_t len = entry_len(one->family), address = address_len(one->family);

	if (!buf_reserve(list, len))
		return;
	uint8_t *p = list->data + list->len;
	*p++ = one->family | (one->listens ? LISTENS : 0);
	p = put(p, &one->id.idiag_sport, sizeof(one->id.idiag_sport));
	p = put(p, &one->id.idiag_dport, sizeof(one->id.idiag_dport));
	p = put(p, one->id.idiag_src, address);
	p = put(p, one->id.idiag_dst, address);
	p = put(p, &one->id.idiag_if, sizeof(one->id.idiag_if));
	put(p, one->id.idiag_cookie, sizeof(one->id.idiag_cookie));
	list->len += len;
}

bool socket_ids_next(const struct buf *list, size_t *at, struct socket_id *one)
{
	if (*at >= list->len)
		return false;
	const uint8_t *p = list->data + *at;
	*one = (struct socket_id){.family = *p & (LISTENS - 1), .listens = (*p & LISTENS) != 0};
	size_t address = address_len(one->family);
	p = take(&one->id.idiag_sport, p + 1, sizeof(one->id.idiag_sport));
	p = take(&one->id.idiag_dport, p, sizeof(one->id.idiag_dport));
	p = take(one->id.idiag_src, p, address);
	p = take(one->id.idiag_dst, p, address);
	p = take(&one->id.idiag_if, p, sizeof(one->id.idiag_if));
	take(one->id.idiag_cookie, p, sizeof(one->id.idiag_cookie));
	*at += entry_len(one->family);
	return true;
}
