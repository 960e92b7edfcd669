/* SPDX-License-Identifier: MIT */
#ifndef NETNS_NSID_H
#define NETNS_NSID_H
/*
 * An nsid is the number of another namespace in the own one (RTM_NEWNSID). The kernel
 * marks multicasts from another namespace with it, and delivers none from a namespace
 * without one. An nsid exists as long as its namespace.
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * Return an rtnetlink socket for nsid_assign(), or -errno. The kernel requires
 * CAP_NET_ADMIN both when it is opened and when it is used.
 */
int nsid_socket(void);

/* Set *nsid to that of the namespace of ns_fd; assign one if it has none. 0 or -errno. */
int nsid_assign(int socket_fd, int ns_fd, int32_t *nsid);

/* Return an rtnetlink socket that receives assigned and withdrawn nsids of the own namespace, or -errno. */
int nsid_watch_socket(void);

/*
 * Read the next change without waiting. Return 1 with the nsid and whether it was
 * withdrawn, 0 if none waits, -ENOBUFS if some were lost (read on), or -errno.
 */
int nsid_watch_read(int socket_fd, int32_t *nsid, bool *gone);

#endif
