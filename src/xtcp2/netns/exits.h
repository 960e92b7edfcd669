/* SPDX-License-Identifier: MIT */
#ifndef NETNS_EXITS_H
#define NETNS_EXITS_H
/*
 * Theory of operation: ends of processes
 *
 * A socket of ours keeps a namespace alive. One with a mount is let go when its
 * mount goes, which inotify tells; an anonymous one would live until the next
 * scan, and its veth pair and its addresses with it, -frequency long. So the
 * process through which such a namespace is known is watched by a pidfd(2), and
 * its end asks for a scan, which lets the namespace go or finds another process.
 *
 * Limits: EXITS_MAX processes, an eighth of the limit of open files at most; what
 * is beyond waits for the next scan. Ends that come in a row make one scan,
 * EXITS_DELAY_NS after the first and so much later than the last scan that scans
 * take a twentieth of a core at most. A namespace whose watched process ends
 * before others that live in it only changes its name.
 */
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

struct netns_exits;

/* Part of the object that is known by the process. Zeroed, it watches nothing. */
struct netns_exit {
	struct loop_watch watch;
	struct netns_exits *owner; /* NULL while nothing is watched */
	pid_t pid;
};

/* on_exit(data) is called on the loop's thread, some time after a process ended. NULL with errno. */
struct netns_exits *netns_exits_new(struct loop *loop, void (*on_exit)(void *data), void *data);
/* After all watches have ended. NULL is fine. */
void netns_exits_free(struct netns_exits *x);

/* Watches the process, instead of the one watched before; 0 for none. */
void netns_exits_watch(struct netns_exits *x, struct netns_exit *e, pid_t pid);
void netns_exit_end(struct netns_exit *e);

/* Asks for a call as the end of a process does. */
void netns_exits_hurry(struct netns_exits *x);
/* A scan took so long. */
void netns_exits_scanned(struct netns_exits *x, int64_t took_ns);

#endif
