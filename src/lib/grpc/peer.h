/* SPDX-License-Identifier: MIT */
#ifndef GRPC_PEER_H
#define GRPC_PEER_H
/*
 * Who is at the other end of connections, for limits that many connections share.
 * On a UNIX socket a peer is a user, by the kernel's word; over TCP an address:
 * all of loopback is one, and so is an IPv6 /64, as a host may use any address of
 * it. A peer is remembered when its connections have ended, or a new connection
 * would begin with full buckets; of PEERS_MAX the one that was quiet for longest
 * makes place. When all have connections, those that come share one entry.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"

#define PEERS_MAX 256

struct peer {
	uint8_t key[20]; /* what kind of peer, and which */
	size_t connections;
	int64_t seen_ns;
	struct bucket connects, costly, cpu;
};

struct peers {
	struct peer known[PEERS_MAX];
	struct peer others;
	size_t count;
};

/* The peer of a connected socket, with one connection more. */
struct peer *peer_enter(struct peers *p, int fd);
/* One less. */
void peer_leave(struct peer *peer);

#endif
