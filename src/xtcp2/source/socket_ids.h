/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_SOCKET_IDS_H
#define SOURCE_SOCKET_IDS_H
/*
 * Sockets by what inet_diag asks for one, packed into a buffer: 25 bytes each for IPv4 and 49 for IPv6, as a host may
 * have very many of them. One thread.
 */
#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct socket_id {
	struct inet_diag_sockid id;
	uint8_t family; /* AF_INET or AF_INET6 */
	bool listens;
};

/* Append one. Without memory the buffer is marked as failed (base/buf.h). */
void socket_ids_add(struct buf *list, const struct socket_id *one);

/* Take the one at *at, which begins as 0 and moves on. False at the end. */
bool socket_ids_next(const struct buf *list, size_t *at, struct socket_id *one);

#endif
