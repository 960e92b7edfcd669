/* SPDX-License-Identifier: MIT */
#ifndef NETNS_HIDDEN_H
#define NETNS_HIDDEN_H
/*
 * Theory of operation: hidden namespaces
 *
 * A namespace without a mount lives in no /proc/PID/ns/net either when only a
 * thread is in it whose process is elsewhere, or when nothing but a socket holds
 * it: its maker went back with setns(2), or handed the socket to another process.
 * To find it every thread and every socket of the host has to be looked at, which
 * on a large host costs more than a poll. So a thread of its own walks them, a
 * few milliseconds at a time, HIDDEN_DUTY times as long at rest; scans of the
 * table take over what it has found. What a walk costs is bounded, how soon it
 * comes round is not: a host of 100,000 descriptors takes two to three minutes.
 *
 *   threads   /proc/PID/task is read where its link count tells of more than one;
 *             the namespace is in the text of a link, so nothing is opened
 *   sockets   if asked for: /proc/PID/fdinfo (CAP_SYS_PTRACE opens it, where /proc/PID/fd wants
 *             CAP_DAC_READ_SEARCH as well) tells sockets from files without
 *             touching either; a socket not met before is duplicated with
 *             pidfd_getfd(2), asked for its namespace (SIOCGSKNS) and closed. A
 *             socket never changes its namespace: that is remembered. SIOCGSKNS wants
 *             CAP_NET_ADMIN, which is in effect on this thread alone, and it dumps nothing.
 *
 * A descriptor may be exchanged between the two looks, and closing the duplicate
 * of a file of FUSE, or the last one of a socket with SO_LINGER, waits for whom
 * it belongs to. Only this thread waits then: it is reported as stuck, what it
 * had found is given up, and nothing else of the daemon notices.
 *
 * Limits: HOLDERS_MAX hidden namespaces; sockets of TCP and MPTCP; sockets on their
 * way in an SCM_RIGHTS message are nobody's yet; kernels before 5.14 do not open
 * fdinfo, and Yama's ptrace_scope 3 forbids pidfd_getfd(2): a line says so.
 */
#include <stdbool.h>
#include <sys/types.h>

struct hidden;

/* Who holds a namespace. */
struct holder {
	pid_t pid;
	int id;	    /* the thread, or the descriptor of the socket */
	ino_t sock; /* the socket; 0 for a thread */
	dev_t dev;  /* of the namespace, as its file has them ... */
	ino_t ino;
	int ns_fd; /* ... and a descriptor of it; -1 for a thread */
};

/*
 * Starts the thread; without `background` nobody looks but hidden_look(). With `sockets` sockets are looked at
 * as well, on a thread that may raise CAP_NET_ADMIN. NULL with errno.
 */
struct hidden *hidden_new(bool background, bool sockets);
/* Ends it; one that is stuck is left to the end of the process. NULL is fine. */
void hidden_free(struct hidden *h);

/* Walks everything once, on this thread, which has CAP_NET_ADMIN in effect meanwhile. For tools. */
void hidden_look(struct hidden *h);

/* Calls fn for each holder that was there at the last look, one a namespace; ns_fd is borrowed. Any thread. */
void hidden_each(struct hidden *h, void (*fn)(void *data, const struct holder *holder), void *data);

/* Readable since a holder went, until that has been read. The descriptor is borrowed. */
int hidden_let_go_fd(const struct hidden *h);
void hidden_let_go_read(struct hidden *h);

#endif
