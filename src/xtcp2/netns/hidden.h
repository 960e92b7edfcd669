/* SPDX-License-Identifier: MIT */
#ifndef NETNS_HIDDEN_H
#define NETNS_HIDDEN_H
/*
 * Theory of operation: hidden namespaces
 *
 * A namespace is hidden when neither a mount nor any /proc/PID/ns/net refers to it:
 * only a thread is in it whose process is in another one, or only a socket keeps it
 * (its creator left with setns(2), or passed the socket to another process). Finding
 * it means a look at every thread and every socket of the host, which on a large host
 * costs more than a poll. So a separate thread walks them, a few milliseconds at a
 * time, with pauses HIDDEN_DUTY times as long; scans of the table add the namespaces
 * it has found. The cost of a walk is bounded, its duration is not: on a host with
 * 100,000 descriptors it takes two to three minutes.
 *
 *   threads   /proc/PID/task is read if its link count shows more than one thread;
 *             the text of a link names the namespace, so nothing is opened
 *   sockets   with -hiddenSockets: /proc/PID/fdinfo distinguishes sockets from files
 *             without touching either (CAP_SYS_PTRACE opens it; /proc/PID/fd needs
 *             CAP_DAC_READ_SEARCH as well). A new socket is duplicated with
 *             pidfd_getfd(2), asked for its namespace (SIOCGSKNS) and closed. The
 *             answer is kept, because a socket never changes its namespace. SIOCGSKNS
 *             needs CAP_NET_ADMIN, which is in effect on this thread only; this
 *             thread makes no dumps.
 *
 * A descriptor may be replaced between fdinfo and pidfd_getfd(2). close(2) of the
 * duplicate of a FUSE file, or of the last descriptor of a socket with SO_LINGER, may
 * then block. It blocks this thread only, which is reported as stuck; the results of
 * its walk are lost, and the rest of the daemon is not affected.
 *
 * Limits: HOLDERS_MAX hidden namespaces; TCP and MPTCP sockets only; sockets inside an
 * SCM_RIGHTS message belong to no process and are not found; kernels before 5.14 do not
 * open fdinfo, and Yama's ptrace_scope 3 forbids pidfd_getfd(2), which a log line says.
 */
#include <stdbool.h>
#include <sys/types.h>

struct hidden;

/* The thread or socket that holds a namespace. */
struct holder {
	pid_t pid;
	int id;	    /* the thread, or the descriptor of the socket */
	ino_t sock; /* the socket; 0 for a thread */
	dev_t dev;  /* st_dev and st_ino of the namespace's file */
	ino_t ino;
	int ns_fd; /* a descriptor of the namespace; -1 for a thread */
};

/*
 * With `background`, start the thread; without it only hidden_look() walks. `sockets` includes sockets, for
 * which the walking thread must be able to raise CAP_NET_ADMIN. NULL with errno.
 */
struct hidden *hidden_new(bool background, bool sockets);
/* End the thread; a stuck one lives until the process ends. NULL is fine. */
void hidden_free(struct hidden *h);

/* Walk once on the calling thread, with CAP_NET_ADMIN in effect meanwhile. For tools. */
void hidden_look(struct hidden *h);

/* Call fn for each holder found by the last walk, one per namespace; ns_fd is borrowed. Any thread. */
void hidden_each(struct hidden *h, void (*fn)(void *data, const struct holder *holder), void *data);

/* Return a borrowed descriptor, readable from the end of a holder until hidden_let_go_read(). */
int hidden_let_go_fd(const struct hidden *h);
void hidden_let_go_read(struct hidden *h);

#endif
