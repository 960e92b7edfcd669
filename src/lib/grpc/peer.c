/* SPDX-License-Identifier: MIT */
#include "grpc/peer.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { KIND_UNKNOWN, KIND_USER, KIND_LOOPBACK, KIND_IPV4, KIND_IPV6 };

#define IPV6_PREFIX 8 /* bytes of an address that distinguish peers */

static void key_ipv4(struct peer *k, uint32_t address)
{
	k->key[0] = ntohl(address) >> 24 == IN_LOOPBACKNET ? KIND_LOOPBACK : KIND_IPV4;
	if (k->key[0] == KIND_IPV4)
		memcpy(k->key + 1, &address, sizeof(address));
}

static void key_ipv6(struct peer *k, const struct in6_addr *address)
{
	uint32_t ipv4;

	if (IN6_IS_ADDR_V4MAPPED(address)) {
		memcpy(&ipv4, address->s6_addr + 12, sizeof(ipv4));
		key_ipv4(k, ipv4);
	} else if (IN6_IS_ADDR_LOOPBACK(address)) {
		k->key[0] = KIND_LOOPBACK;
	} else {
		k->key[0] = KIND_IPV6;
		memcpy(k->key + 1, address->s6_addr, IPV6_PREFIX);
	}
}

static void key_of(struct peer *k, int fd)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr), cred_len = sizeof(struct ucred);
	struct ucred cred;

	if (getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
		return;
	if (addr.ss_family == AF_INET) {
		key_ipv4(k, ((const struct sockaddr_in *)&addr)->sin_addr.s_addr);
	} else if (addr.ss_family == AF_INET6) {
		key_ipv6(k, &((const struct sockaddr_in6 *)&addr)->sin6_addr);
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) == 0) {
		k->key[0] = KIND_USER;
		memcpy(k->key + 1, &cred.uid, sizeof(cred.uid));
	}
}

/* Return the key's entry: existing, new (replacing the one idle for longest), or the shared one. */
static struct peer *find(struct peers *p, const struct peer *key)
{
	struct peer *quiet = NULL;

	for (size_t i = 0; i < p->count; i++) {
		struct peer *k = &p->known[i];
		if (memcmp(k->key, key->key, sizeof(key->key)) == 0)
			return k;
		if (k->connections == 0 && (!quiet || k->seen_ns < quiet->seen_ns))
			quiet = k;
	}
	if (p->count < PEERS_MAX)
		quiet = &p->known[p->count++];
	if (!quiet)
		return &p->others;
	*quiet = *key;
	return quiet;
}

struct peer *peer_enter(struct peers *p, int fd)
{
	struct peer key = {0};

	key_of(&key, fd);
	struct peer *peer = find(p, &key);
	peer->connections++;
	peer->seen_ns = clock_mono_ns();
	return peer;
}

void peer_leave(struct peer *peer)
{
	peer->connections--;
	peer->seen_ns = clock_mono_ns();
}
