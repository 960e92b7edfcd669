/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_KNOWN_SOCKETS_H
#define SOURCE_KNOWN_SOCKETS_H
/*
 * What the polls last saw of each socket, by cookie: the kernel's event of a
 * closed socket carries neither user, inode, cgroup, memory nor congestion
 * algorithm, and this table gives them back. A cache: bounded, eight places a
 * bucket; a full bucket gives up the entry that was refreshed longest ago, and
 * that is counted (KNOWN_EVICTED). Memory is taken as it is touched. Any thread.
 */
#include <stddef.h>

#include "record/record.h"

struct known_sockets;

/* Room for at least `sockets`. NULL with errno. */
struct known_sockets *known_sockets_new(size_t sockets);
void known_sockets_free(struct known_sockets *k);

/* Remembers a socket that a poll read. Those that will never make an event (TIME_WAIT) are left out. */
void known_sockets_put(struct known_sockets *k, const struct record *record);

/*
 * Adds what is known to the record of a closed socket: sections CONG, SKMEMINFO
 * and CGROUP with their bits in inet_diag_attributes, uid and inode. Forgets the
 * socket: there is no second event. Returns whether it was known.
 */
bool known_sockets_take(struct known_sockets *k, struct record *record);

#endif
