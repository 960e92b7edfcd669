/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_NETLINK_SOCKET_H
#define SOURCE_NETLINK_SOCKET_H
/*
 * The sock_diag socket that the netlink source keeps in a namespace. The namespace owns the object, which
 * outlives the closing of its descriptor, so that sequence numbers go on in the next one.
 */
#include <stdint.h>

#include "netns/netns.h"

struct netlink_socket {
	int fd; /* -1 while closed */
	uint32_t portid;
	uint32_t seq; /* last sequence number used in this namespace, 0 for none yet */
	/* /proc/net/sockstat and sockstat6 of the namespace (source/netlink_lookup.h); -1 while closed */
	int sockstat, sockstat6;
	struct known_list *known; /* the sockets that were read last; owned; NULL for none */
};

/* Open the socket of the namespace with netns_open(), whose results it returns. Sets ns->cookie as well. */
int netlink_socket_open(struct netns *ns);
/* The same with the files of the kernel's counters, where descriptors suffice. */
int netlink_socket_open_counted(struct netns *ns);

#endif
