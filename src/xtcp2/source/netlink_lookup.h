/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_NETLINK_LOOKUP_H
#define SOURCE_NETLINK_LOOKUP_H
/*
 * Theory of operation: lookups
 *
 * A dump of one namespace walks the host's table of sockets, so that a poll of many namespaces costs namespaces times
 * sockets. A lookup of one socket by its addresses and cookie costs the same few microseconds however many
 * there are. So a namespace whose sockets are all known from the poll before is read by lookups (-netlinkLookups) where
 * these are predicted to be cheaper than its last dump.
 *
 * That none is missed follows from the kernel's own count of the namespace's sockets (sockstat: TCP inuse, TCP6 inuse
 * and tw), which is read first. Every socket that a lookup then finds was known before and lives after, so it was there when
 * the kernel counted. If as many are found as were counted, they are all that there were. If not, the namespace is dumped.
 *
 *   a new socket        makes the count larger than the list, which is seen before anything is looked up
 *   one that ended      is not found, and not counted
 *   both in between     what is found is too little: dump, and no lookups for 1, 2, 4, 8, 16 polls
 *   not counted         requests (SYN_RECV): one that comes between two dumps has no record; bound sockets (-states), for
 *                       which there are no lookups at all
 *   counted otherwise   a kernel that counts what it does not show, or the other way round: lookups begin after a dump
 *                       that had exactly what was counted before and after it
 *   several listeners   of one port (SO_REUSEPORT): a lookup finds one. Where a listener was not found, the next readings tell of
 *                       all listeners by a dump of these alone, which walks the small table of listeners and no connections, and
 *                       look up the rest. So they do where that is cheaper. A listener that such a dump brings and that was
 *                       not known does not count: it may have come after the kernel had counted
 *
 * The kernel adds up the count from its processors one after the other. A connection that begins and ends within
 * that microsecond, on two of them, can be taken off without having been added, and hide a new one for a poll.
 */
#include "source/netlink.h"

struct known_list;
struct netlink_socket;

/* Add the socket of a message that became a record. */
void known_list_add(struct netlink_socket *socket, const struct nlmsghdr *h);
/* NULL is fine. */
void known_list_free(struct known_list *list);

/* Whether the options leave a reading that lookups could replace. */
bool netlink_lookups_fit(const struct source *s);

/*
 * Read the namespace by lookups, if that is worth it and possible. Return true when all is read; false when it has to be
 * dumped: records that came are not made again. With *stop set, *error is what emit() returned.
 */
bool netlink_lookup(struct attempt *a, bool *stop, int *error);
/* Note the end of a dump: whether it was whole. */
void netlink_dumped(struct attempt *a, bool whole);

#endif
