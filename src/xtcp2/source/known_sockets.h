/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_KNOWN_SOCKETS_H
#define SOURCE_KNOWN_SOCKETS_H
/*
 * A cache of the last polled values of each socket, by cookie. The kernel's event
 * of a closed socket carries neither user, inode, cgroup, memory nor congestion
 * algorithm; the cache completes it. Its size is bounded, with eight entries per
 * bucket; a full bucket evicts the entry refreshed longest ago and counts it
 * (KNOWN_EVICTED). The kernel supplies its pages as they are touched. Any thread.
 */
#include <stddef.h>

#include "record/record.h"

struct known_sockets;

/* Create a cache for at least `sockets` entries. NULL with errno. */
struct known_sockets *known_sockets_new(size_t sockets);
void known_sockets_free(struct known_sockets *k);

/* Store the socket of a polled record. Sockets that never cause an event (TIME_WAIT) are not stored. */
void known_sockets_put(struct known_sockets *k, const struct record *record);

/*
 * Add the stored values to the record of a closed socket: sections CONG, SKMEMINFO
 * and CGROUP with their bits in inet_diag_attributes, uid and inode. Remove the
 * entry: there is no second event. *first_ns is when a poll saw the socket first, since
 * the epoch. Return whether there was one.
 */
bool known_sockets_take(struct known_sockets *k, struct record *record, int64_t *first_ns);

#endif
