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
 * Listen on path, non-blocking and close-on-exec. The directory is made (0755)
 * when only it is missing. A socket that nobody listens on is replaced; a live
 * one, and whatever is no socket, stays and gives -EADDRINUSE or -EEXIST. The
 * name never has more than `mode`. What is made is given to owner, who has to
 * remove it in the end; NULL leaves it. Start-up only: for an instant it sets the
 * process's umask. 0, or -errno with one sentence in error that names the path.
 */
int unix_socket_listen(struct unix_socket *s, const char *path, mode_t mode,
		       const struct privilege_user *owner, char *error, size_t size);
/*
 * Take over a socket that another process has made listen on path, and its name:
 * s is as after unix_socket_listen(). fd is owned from here on with 0; -errno.
 */
int unix_socket_adopt(struct unix_socket *s, const char *path, int fd);
/* Close it and remove the name, if that is still this socket's. Harmless for one that does not listen. */
void unix_socket_close(struct unix_socket *s);

/* A connected socket, non-blocking and close-on-exec, or -errno; -EAGAIN when its backlog is full. Never blocks. */
int unix_socket_connect(const char *path);

#endif
