/* SPDX-License-Identifier: MIT */
#ifndef NETNS_NSID_H
#define NETNS_NSID_H
/*
 * The numbers by which the own namespace knows others (RTM_NEWNSID): the
 * kernel marks multicasts from another namespace with them, and sends none from
 * a namespace that has no number. A number lives as long as its namespace.
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * A rtnetlink socket for nsid_assign(): the kernel wants CAP_NET_ADMIN both
 * when it is made and when it is used. The fd or -errno.
 */
int nsid_socket(void);

/* The number of the namespace that ns_fd refers to, given to it when it has none. 0 or -errno. */
int nsid_assign(int socket_fd, int ns_fd, int32_t *nsid);

/* A rtnetlink socket that hears of numbers given and taken back in the own namespace. The fd or -errno. */
int nsid_watch_socket(void);

/*
 * The next change, without waiting: 1 with the number and whether it was taken
 * back, 0 when none waits, -ENOBUFS when some were lost (read on), or -errno.
 */
int nsid_watch_read(int socket_fd, int32_t *nsid, bool *gone);

#endif
