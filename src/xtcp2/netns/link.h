/* SPDX-License-Identifier: MIT */
#ifndef NETNS_LINK_H
#define NETNS_LINK_H
#include <sys/types.h>

/* Return the inode of the network namespace that a link such as PID/ns/net names; 0, with errno, when it cannot be read. */
ino_t link_inode(int dir_fd, const char *path);

#endif
