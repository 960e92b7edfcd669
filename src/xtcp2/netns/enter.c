/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "netns/files.h"
#include "netns/netns.h"
#include "stats/stats.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* A namespace that could not be entered is tried again after the first time, which doubles up to the last. */
#define NETNS_BACKOFF_FIRST_NS (5 * NS_PER_SEC)
#define NETNS_BACKOFF_LAST_NS  (300 * NS_PER_SEC)

/* Complaints about namespaces are written at most this often. */
#define NETNS_LOG_NS (60 * NS_PER_SEC)

int netns_self_fd(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int netns_call(int ns_fd, int (*fn)(void *data), void *data)
{
	/* Opened before entering: the return must not depend on a free descriptor. */
	_cleanup_close_ int self = netns_self_fd();

	if (self < 0)
		return self;
	if (setns(ns_fd, CLONE_NEWNET) < 0)
		return -errno;
	int r = fn(data);
	if (setns(self, CLONE_NEWNET) < 0) {
		log_err("netns", "cannot return to the own network namespace: %s", strerror(errno));
		abort();
	}
	return r;
}

uint64_t netns_socket_cookie(int socket_fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

int netns_path_fd(const struct netns *ns)
{
	struct stat st;
	_cleanup_close_ int fd = open(ns->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* The process number or the file name may belong to another namespace since the scan. */
	if (st.st_ino != ns->ino || st.st_dev != ns->dev)
		return -ESTALE;
	return take_fd(fd);
}

struct making {
	struct netns *ns;
	int (*make)(struct netns *ns);
};

static int call_make(void *data)
{
	const struct making *m = data;

	return m->make(m->ns);
}

static int enter_and_make(struct netns *ns, int (*make)(struct netns *ns))
{
	struct making m = {ns, make};

	if (ns->own)
		return make(ns);
	_cleanup_close_ int fd = netns_path_fd(ns);
	return fd < 0 ? fd : netns_call(fd, call_make, &m);
}

static bool is_open(const struct netns *ns)
{
	return ns->state == NETNS_OPEN || ns->state == NETNS_DUMPING;
}

/* Move to BLOCKED for a while; count only the first of several failures in a row. */
static void block(struct netns *ns, enum stat_id counter)
{
	int64_t delay = NETNS_BACKOFF_FIRST_NS;

	for (uint32_t i = 0; i < ns->failures && delay < NETNS_BACKOFF_LAST_NS; i++)
		delay *= 2;
	if (delay > NETNS_BACKOFF_LAST_NS)
		delay = NETNS_BACKOFF_LAST_NS;
	if (ns->failures++ == 0)
		stat_add(counter, 1);
	ns->state = NETNS_BLOCKED;
	ns->retry_ns = clock_mono_ns() + delay;
}

/* Set the state after a failed attempt to enter. Return true if the failure is to be logged. */
static bool open_failed(struct netns *ns, int error)
{
	switch (error) {
	case -ENOENT:
	case -ESRCH:
	case -ESTALE:
		stat_add(STAT_NETNS_ERR_GONE, 1);
		ns->state = NETNS_GONE;
		return false;
	case -EMFILE:
	case -ENFILE:
		netns_files_ran_out();
		/* fallthrough */
	case -ENOMEM:
	case -ENOBUFS:
		stat_add(STAT_NETNS_ERR_LIMIT, 1);
		ns->state = NETNS_SEEN;
		return true;
	case -EPERM:
	case -EACCES:
		block(ns, STAT_NETNS_ERR_DENIED);
		return ns->failures == 1;
	default:
		block(ns, STAT_NETNS_ERR_OTHER);
		return ns->failures == 1;
	}
}

int netns_open(struct netns *ns, int (*make)(struct netns *ns))
{
	static struct log_limit limit;
	uint64_t suppressed;

	if (is_open(ns))
		return 0;
	if (ns->state == NETNS_GONE)
		return -ENOENT;
	if (ns->state == NETNS_BLOCKED && clock_mono_ns() < ns->retry_ns)
		return -EAGAIN;
	int r = enter_and_make(ns, make);
	if (r == 0) {
		netns_files_opened();
		ns->state = NETNS_OPEN;
		ns->failures = 0;
		return 0;
	}
	if (open_failed(ns, r) && log_limit_pass(&limit, NETNS_LOG_NS, &suppressed))
		log_warn("netns",
			 "cannot enter namespace %s (%s): %s; %llu more like this in the last minute",
			 ns->name, ns->path, strerror(-r), (unsigned long long)suppressed);
	return r;
}

void netns_close(struct netns *ns)
{
	if (!is_open(ns))
		return;
	ns->socket_ops->close(ns->socket);
	netns_files_closed();
	ns->state = NETNS_SEEN;
}
