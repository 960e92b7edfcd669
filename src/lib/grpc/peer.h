/* SPDX-License-Identifier: MIT */
#ifndef GRPC_PEER_H
#define GRPC_PEER_H
/*
 * Peers, for limits that several connections share. On a UNIX socket a peer is a
 * user, as the kernel reports it; over TCP an address: all of loopback is one
 * peer, and so is an IPv6 /64, as a host may use any address in it. A peer is
 * kept after its connections have ended, else a new connection would begin with
 * full buckets; beyond PEERS_MAX the one idle for longest is replaced. If all
 * have connections, new peers share one entry.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"

#define PEERS_MAX 256

struct peer {
	uint8_t key[20]; /* the kind of peer and its identity */
	size_t connections;
	int64_t seen_ns;
	struct bucket connects, costly, cpu;
};

struct peers {
	struct peer known[PEERS_MAX];
	struct peer others;
	size_t count;
};

/* Return the peer of a connected socket and count one more connection for it. */
struct peer *peer_enter(struct peers *p, int fd);
/* Count one connection less. */
void peer_leave(struct peer *peer);

#endif
