/* SPDX-License-Identifier: MIT */
#ifndef NETNS_NSID_H
#define NETNS_NSID_H
/*
 * The numbers by which the own namespace knows others (RTM_NEWNSID): the
 * kernel marks multicasts from another namespace with them, and sends none from
 * a namespace that has no number. A number lives as long as its namespace.
 */
#include <stdint.h>

/*
 * A rtnetlink socket for nsid_assign(): the kernel wants CAP_NET_ADMIN both
 * when it is made and when it is used. The fd or -errno.
 */
int nsid_socket(void);

/* The number of the namespace that ns_fd refers to, given to it when it has none. 0 or -errno. */
int nsid_assign(int socket_fd, int ns_fd, int32_t *nsid);

#endif
