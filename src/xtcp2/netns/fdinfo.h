/* SPDX-License-Identifier: MIT */
#ifndef NETNS_FDINFO_H
#define NETNS_FDINFO_H
/* What /proc/PID/fdinfo/FD tells of an open file (proc_pid_fdinfo(5)); the inode is there since Linux 5.14. */
#include <sys/types.h>

/*
 * Read the file `path` below dir_fd. Return the inode of the open file, 0 for none; set *mount to the mount that it
 * is on, -1 for none. All sockets are on one mount. Any thread.
 */
ino_t fdinfo_inode(int dir_fd, const char *path, int *mount);

#endif
