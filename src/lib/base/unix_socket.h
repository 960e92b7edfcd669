/* SPDX-License-Identifier: MIT */
#ifndef BASE_UNIX_SOCKET_H
#define BASE_UNIX_SOCKET_H
/* UNIX stream sockets by path: the listening and the connecting side. */
#include <stddef.h>
#include <sys/types.h>

#include "base/privilege.h"

/* A listening socket that owns its name in the file system. fd starts at -1. */
struct unix_socket {
	int fd;
	char *path; /* owned */
	dev_t dev;
	ino_t ino; /* with dev: the name is still ours */
};

/*
 * Listen on path, non-blocking and close-on-exec. Create its directory (0755) if only
 * that is missing. Replace a socket that nobody listens on; fail with -EADDRINUSE for
 * one that is in use, and with -EEXIST for another kind of file. The socket's file never
 * has more permissions than `mode`. File and new directory are given to `owner`, which
 * must be able to remove them; NULL leaves the owner as it is. Start-up only: changes
 * the process's umask for a moment. 0, or -errno with one sentence in error (size bytes)
 * that names the path.
 */
int unix_socket_listen(struct unix_socket *s, const char *path, mode_t mode,
		       const struct privilege_user *owner, char *error, size_t size);
/*
 * Take over a socket that another process has bound to path and listens on: s is then
 * as after unix_socket_listen(). Return 0, and fd is owned by s, or -errno.
 */
int unix_socket_adopt(struct unix_socket *s, const char *path, int fd);
/* Close the socket and remove its file, unless that is another socket's by now. Fine for a closed one. */
void unix_socket_close(struct unix_socket *s);

/* Return a connected socket, non-blocking and close-on-exec, or -errno: -EAGAIN when the backlog is full.
 * Never blocks. */
int unix_socket_connect(const char *path);

#endif
