/* SPDX-License-Identifier: MIT */
#ifndef NETNS_EXITS_H
#define NETNS_EXITS_H
/*
 * Theory of operation: ends of processes
 *
 * The daemon's socket keeps a namespace alive. It releases a mounted namespace when
 * inotify reports the end of the mount. An anonymous one, with its veth pair and
 * addresses, would live on until the next scan, up to -frequency. So the process
 * through which an anonymous namespace is known is watched by a pidfd (pidfd_open(2));
 * its end requests a scan, which releases the namespace or finds another process in it.
 *
 * Limits: EXITS_MAX processes, at most an eighth of the limit of open files; the rest
 * wait for the next scan. Several ends in a row cause one scan, EXITS_DELAY_NS after
 * the first end and long enough after the last scan that scans take at most a
 * twentieth of a core. If the watched process ends before other processes in the
 * namespace do, only the name of the namespace changes.
 */
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

struct netns_exits;

/* Embedded in the object that is known by the process. Zeroed, it watches nothing. */
struct netns_exit {
	struct loop_watch watch;
	struct netns_exits *owner; /* NULL while nothing is watched */
	pid_t pid;
};

/* Create the watcher. on_exit(data) is called on the loop's thread, a delay after a process ended. NULL with
 * errno. */
struct netns_exits *netns_exits_new(struct loop *loop, void (*on_exit)(void *data), void *data);
/* Free it, after all watches have ended. NULL is fine. */
void netns_exits_free(struct netns_exits *x);

/* Watch the process instead of the previous one; pid 0 watches none. */
void netns_exits_watch(struct netns_exits *x, struct netns_exit *e, pid_t pid);
void netns_exit_end(struct netns_exit *e);

/* Request a call of on_exit(), as the end of a process does. */
void netns_exits_hurry(struct netns_exits *x);
/* Report the duration of a scan, from which the pause until the next one follows. */
void netns_exits_scanned(struct netns_exits *x, int64_t took_ns);

#endif
