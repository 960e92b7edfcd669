/* SPDX-License-Identifier: MIT */
#include "base/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/own_directory.h"

/* Connections that wait for accept(2); the kernel bounds it by net.core.somaxconn. */
#define LISTEN_BACKLOG 128

/* 0, or -ENAMETOOLONG or -EINVAL. */
static int address_of(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!*path)
		return -EINVAL;
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

int unix_socket_connect(const char *path)
{
	struct sockaddr_un address;
	int r = address_of(&address, path);

	if (r < 0)
		return r;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(fd);
}

/* Give a file made by this process to owner. Return 0 or -errno. */
static int give(const char *path, const struct privilege_user *owner)
{
	if (!owner || (owner->uid == geteuid() && owner->gid == getegid()))
		return 0;
	return lchown(path, owner->uid, owner->gid) < 0 ? -errno : 0;
}

/* Make the last directory of path, with the usual mode whatever the umask. An error shows at bind(2). */
static void make_directory(const char *path, const struct privilege_user *owner)
{
	const char *slash = strrchr(path, '/');
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];

	if (!slash || slash == path)
		return;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	mode_t mask = umask(022);
	own_directory_make(directory, 0755, owner ? owner->uid : geteuid(), owner ? owner->gid : getegid());
	umask(mask);
}

/* Remove path if it is a socket without a listener. Return 0 or -errno. */
static int remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	int fd = unix_socket_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
	/* The kernel gives the name the socket's own mode, less the umask: it never has more than that. */
	if (fchmod(fd, mode) < 0)
		return -errno;
	mode_t mask = umask(0);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(mask);
	return r;
}

static int listen_at(struct unix_socket *s, const char *path, mode_t mode, const struct privilege_user *owner)
{
	struct sockaddr_un address;
	struct stat st;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *copy = strdup(path);
	int r = address_of(&address, path);

	if (r < 0 || !copy)
		return r < 0 ? r : -ENOMEM;
	make_directory(path, owner);
	r = remove_stale(path);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bind_with_mode(fd, &address, mode);
	if (r < 0)
		return r;
	r = give(path, owner);
	if (r == 0 && (lstat(path, &st) < 0 || listen(fd, LISTEN_BACKLOG) < 0))
		r = -errno;
	if (r < 0) {
		unlink(path);
		return r;
	}
	*s = (struct unix_socket){take_fd(fd), take_ptr(copy), st.st_dev, st.st_ino};
	return 0;
}

int unix_socket_listen(struct unix_socket *s, const char *path, mode_t mode,
		       const struct privilege_user *owner, char *error, size_t size)
{
	int r = listen_at(s, path, mode, owner);

	if (r == -EADDRINUSE)
		snprintf(error, size, "%.200s: another process listens on it", path);
	else if (r == -EEXIST)
		snprintf(error, size, "%.200s: exists and is not a socket", path);
	else if (r < 0)
		snprintf(error, size, "%.200s: %s", path, strerror(-r));
	return r;
}

int unix_socket_adopt(struct unix_socket *s, const char *path, int fd)
{
	struct stat st = {0};
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	/* The name may already be gone. */
	lstat(path, &st);
	*s = (struct unix_socket){fd, copy, st.st_dev, st.st_ino};
	return 0;
}

void unix_socket_close(struct unix_socket *s)
{
	struct stat st;

	if (s->fd < 0)
		return;
	if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	close(s->fd);
	free(s->path);
	*s = (struct unix_socket){.fd = -1};
}
