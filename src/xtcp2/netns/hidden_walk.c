/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/sockios.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "netns/fdinfo.h"
#include "netns/hidden_internal.h"
#include "netns/link.h"
#include "stats/stats.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Links of a directory that are not subdirectories: "." and its name. */
#define OWN_LINKS 2

static ino_t socket_of(const struct hidden *h, int dir_fd, const char *path)
{
	int mount;
	ino_t ino = fdinfo_inode(dir_fd, path, &mount);

	return mount == h->sockfs ? ino : 0;
}

static void tell_denied(struct hidden *h, const char *what, int error)
{
	if (!h->told_denied)
		log_notice(
		    "netns",
		    "%s of process %d: %s; namespaces that only sockets of such processes hold are not seen",
		    what, h->pid, strerror(error));
	h->told_denied = true;
}

/*
 * Return the namespace of the socket that is descriptor fd of the process; 0 for another kind of socket; or
 * -errno, also because the descriptor was replaced. Set *ns_fd to a new descriptor of it.
 */
static int64_t ask_socket(struct hidden *h, int fd, ino_t sock, int *ns_fd)
{
	struct stat st;
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	if (h->pid_fd < 0)
		h->pid_fd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (h->pid_fd < 0)
		return -errno;
	_cleanup_close_ int copy = (int)syscall(SYS_pidfd_getfd, h->pid_fd, fd, 0);
	if (copy < 0) {
		if (errno == EPERM)
			tell_denied(h, "sockets", errno);
		return -errno;
	}
	if (getsockopt(copy, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0 || fstat(copy, &st) < 0)
		return -errno;
	if (st.st_ino != sock)
		return -ESTALE;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP)
		return 0;
	_cleanup_close_ int ns = ioctl(copy, SIOCGSKNS);
	if (ns < 0 || fstat(ns, &st) < 0)
		return -errno;
	*ns_fd = take_fd(ns);
	return (int64_t)st.st_ino;
}

static bool is_held(const struct hidden *h, ino_t ns)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->holders[i].ino == ns)
			return true;
	}
	return false;
}

/* Takes ownership of ns_fd. */
static void hold(struct hidden *h, const struct holder *holder)
{
	if (h->count == h->max) {
		stat_add(STAT_NETNS_ERR_LIMIT, 1);
		if (!h->told_full)
			log_warn("netns", "more than %zu hidden namespaces: others are not seen", h->max);
		h->told_full = true;
		if (holder->ns_fd >= 0)
			close(holder->ns_fd);
		return;
	}
	pthread_mutex_lock(&h->lock);
	h->holders[h->count++] = *holder;
	pthread_mutex_unlock(&h->lock);
	log_debug("netns", "namespace %llu is held by %s %d of process %d", (unsigned long long)holder->ino,
		  holder->sock ? "descriptor" : "thread", holder->id, holder->pid);
	stat_set(STAT_NETNS_HIDDEN, h->count);
}

static ino_t process_ns(struct hidden *h)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/ns/net", h->pid);
	if (h->pid_ns == 0)
		h->pid_ns = link_inode(dirfd(h->proc), path);
	return h->pid_ns;
}

static void look_thread(struct hidden *h, const char *name)
{
	char path[32];
	int tid = atoi(name);

	if (tid == h->pid)
		return;
	snprintf(path, sizeof(path), "%d/ns/net", tid);
	ino_t ns = link_inode(dirfd(h->inner), path);
	if (ns && process_ns(h) && ns != h->pid_ns && !is_held(h, ns))
		hold(h, &(struct holder){h->pid, tid, 0, h->nsfs_dev, ns, -1});
}

static void look_file(struct hidden *h, const char *name)
{
	ino_t sock = socket_of(h, dirfd(h->inner), name);
	size_t slot = (uint32_t)sock * UINT32_C(2654435761) / (UINT32_MAX / SOCKETS_KNOWN + 1);
	int ns_fd = -1, fd = atoi(name);

	if (!sock || !process_ns(h))
		return;
	if (h->known[slot].sock != (uint32_t)sock) {
		int64_t ns = ask_socket(h, fd, sock, &ns_fd);
		if (ns < 0)
			return;
		h->known[slot].sock = (uint32_t)sock;
		h->known[slot].ns = (uint32_t)ns;
	}
	ino_t ns = h->known[slot].ns;
	bool foreign = ns && ns != h->pid_ns && !is_held(h, ns);
	if (foreign && ns_fd < 0)
		foreign = ask_socket(h, fd, sock, &ns_fd) == (int64_t)ns;
	if (foreign)
		hold(h, &(struct holder){h->pid, fd, sock, h->nsfs_dev, ns, take_fd(ns_fd)});
	if (ns_fd >= 0)
		close(ns_fd);
}

static void close_inner(struct hidden *h)
{
	if (h->inner)
		closedir(h->inner);
	h->inner = NULL;
}

static void open_inner(struct hidden *h, const char *name)
{
	char path[32];

	close_inner(h);
	snprintf(path, sizeof(path), "%d/%s", h->pid, name);
	_cleanup_close_ int fd = openat(dirfd(h->proc), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		tell_denied(h, "descriptors", errno);
	h->inner = fd < 0 ? NULL : fdopendir(fd);
	if (h->inner)
		take_fd(fd);
}

static void leave_process(struct hidden *h)
{
	close_inner(h);
	cleanup_closep(&h->pid_fd);
	h->pid_fd = -1;
	h->pid_ns = 0;
}

/* Go to the next process; false when there is none. */
static bool next_process(struct hidden *h)
{
	char path[32];
	struct stat st;
	struct dirent *d;

	leave_process(h);
	do {
		d = readdir(h->proc);
		if (!d)
			return false;
	} while (d->d_name[0] < '1' || d->d_name[0] > '9' || atoi(d->d_name) == getpid());
	__atomic_store_n(&h->pid, atoi(d->d_name), __ATOMIC_RELAXED);
	snprintf(path, sizeof(path), "%d/task", h->pid);
	h->threads = fstatat(dirfd(h->proc), path, &st, 0) == 0 && st.st_nlink > OWN_LINKS + 1;
	if (h->threads || h->sockets)
		open_inner(h, h->threads ? "task" : "fdinfo");
	return true;
}

bool hidden_walk_one(struct hidden *h)
{
	struct dirent *d = h->inner ? readdir(h->inner) : NULL;

	if (d) {
		if (d->d_name[0] == '.')
			return true;
		if (h->threads)
			look_thread(h, d->d_name);
		else
			look_file(h, d->d_name);
		return true;
	}
	if (h->inner && h->threads) {
		h->threads = false;
		close_inner(h);
		if (h->sockets)
			open_inner(h, "fdinfo");
		return true;
	}
	if (next_process(h))
		return true;
	rewinddir(h->proc);
	return false;
}

static bool still_there(const struct hidden *h, const struct holder *holder)
{
	char path[64];

	if (holder->sock) {
		snprintf(path, sizeof(path), "%d/fdinfo/%d", holder->pid, holder->id);
		return socket_of(h, dirfd(h->proc), path) == holder->sock;
	}
	snprintf(path, sizeof(path), "%d/task/%d/ns/net", holder->pid, holder->id);
	return link_inode(dirfd(h->proc), path) == holder->ino;
}

void hidden_walk_verify(struct hidden *h)
{
	size_t before = h->count;
	uint64_t one = 1;

	for (size_t i = h->count; i > 0; i--) {
		struct holder *holder = &h->holders[i - 1];
		if (still_there(h, holder))
			continue;
		pthread_mutex_lock(&h->lock);
		cleanup_closep(&holder->ns_fd);
		*holder = h->holders[--h->count];
		pthread_mutex_unlock(&h->lock);
	}
	stat_set(STAT_NETNS_HIDDEN, h->count);
	if (h->count < before && write(h->let_go_fd, &one, sizeof(one)) != sizeof(one))
		log_debug("netns", "eventfd: %s", strerror(errno));
}

int hidden_walk_init(struct hidden *h)
{
	char path[64];
	struct stat own;
	struct rlimit files = {0};
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	h->pid_fd = -1;
	getrlimit(RLIMIT_NOFILE, &files);
	h->max = files.rlim_cur / 8 < HOLDERS_MAX ? files.rlim_cur / 8 : HOLDERS_MAX;
	h->proc = opendir("/proc");
	if (sock < 0 || !h->proc || stat("/proc/self/ns/net", &own) < 0)
		return -errno;
	h->nsfs_dev = own.st_dev;
	snprintf(path, sizeof(path), "self/fdinfo/%d", sock);
	fdinfo_inode(dirfd(h->proc), path, &h->sockfs);
	return h->sockfs < 0 ? -EOPNOTSUPP : 0;
}

void hidden_walk_free(struct hidden *h)
{
	if (h->proc) {
		leave_process(h);
		closedir(h->proc);
	}
	for (size_t i = 0; i < h->count; i++)
		cleanup_closep(&h->holders[i].ns_fd);
}
