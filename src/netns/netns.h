/* SPDX-License-Identifier: MIT */
#ifndef NETNS_NETNS_H
#define NETNS_NETNS_H
/*
 * Theory of operation
 *
 * The table holds every network namespace of the host that this process may
 * see, found in two ways that feed it alike: inotify on the directories where
 * names are bind-mounted (/run/netns, /run/docker/netns), which is fast, and a
 * scan of those directories and of /proc/PID/ns/net before each poll, which is
 * complete. While a namespace is in the table a netlink socket in it is open:
 * that pins it, so (dev, ino) cannot be reused behind our back; and because it
 * pins it, a namespace that no process and no mount showed in the last scan is
 * closed at once. The identity given to users is SO_NETNS_COOKIE, which is
 * never reused.
 *
 * States and what may happen in each:
 *   NETNS_SEEN     known by (dev, ino), no socket yet; a worker may open it
 *   NETNS_OPEN     socket open, idle; a worker may dump it; main may close it
 *   NETNS_DUMPING  owned by one worker until it puts it back to OPEN
 *   NETNS_BLOCKED  could not be entered (permission); retried after a back-off, counted
 *   NETNS_GONE     not seen by the last scan; main closes and forgets it, workers must not take it
 *
 * Threads: the table is changed by the main thread only, between polls. During
 * a poll a worker owns the entries it was handed; inotify events that arrive
 * meanwhile only set a flag.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

/* Longest name kept; longer ones are cut. Names are file names, hence NAME_MAX. */
#define NETNS_NAME_MAX 256

enum netns_state { NETNS_SEEN, NETNS_OPEN, NETNS_DUMPING, NETNS_BLOCKED, NETNS_GONE };

struct netns {
	enum netns_state state;
	uint64_t cookie; /* SO_NETNS_COOKIE; 0 until opened, or on kernels before 5.14 */
	ino_t ino;
	dev_t dev;
	int nl_fd; /* the sock_diag socket in this namespace; -1 unless OPEN or DUMPING */
	uint32_t nl_portid;
	uint32_t nl_seq; /* last sequence number used on nl_fd */
	bool own;	 /* the namespace this process runs in */
	char *name;	 /* file name of the mount, "pid:N" when only a process shows it, "self"; owned */
	char *path;	 /* what to open(2) to enter it; owned */
	uint32_t seen;	 /* number of the scan that saw it last */
	int64_t retry_ns; /* BLOCKED: not before this CLOCK_MONOTONIC time */
};

struct netns_table;

struct netns_options {
	const char *const *directories; /* NULL-terminated; watched and scanned; may be missing */
	bool scan_proc;
	bool own_only; /* without CAP_SYS_ADMIN: the own namespace and nothing else */
};

/* The directories watched unless options say otherwise: /run/netns, /run/docker/netns, NULL. */
extern const char *const netns_directories[];

/*
 * Starts with the own namespace in state SEEN. Adds its inotify watch to loop
 * (a missing directory is watched for through its parent). on_change(data) is
 * called from the loop when a directory changed; may be NULL. NULL with errno.
 */
struct netns_table *netns_table_new(struct loop *loop, const struct netns_options *options,
    void (*on_change)(void *data), void *data);
void netns_table_free(struct netns_table *table);

/*
 * Scans directories and /proc, adds what is new, closes and forgets what is
 * gone. Never fails: what could not be read is counted (NETNS_ERR_*). Main
 * thread, and not while a poll runs.
 */
void netns_table_scan(struct netns_table *table);

/* The entries, owned by the table, valid until the next scan; *count is their number. */
struct netns **netns_table_entries(struct netns_table *table, size_t *count);

/*
 * Opens the sock_diag socket of a SEEN (or due BLOCKED) namespace: enters it
 * with setns(2) on the calling thread, makes the socket, comes back. On return
 * the state is OPEN (0) or BLOCKED (-EPERM, -EACCES) or GONE (-ENOENT...). A
 * thread that cannot come back to its own namespace aborts the process: every
 * later record would lie about where it is from.
 */
int netns_open(struct netns *ns);

/* Closes the socket; the state becomes SEEN. */
void netns_close(struct netns *ns);

/* fd of the calling thread's network namespace, O_CLOEXEC, or -errno. */
int netns_self_fd(void);

/* Runs fn(data) inside the namespace of ns_fd on this thread and returns its result, or -errno of setns(2). */
int netns_call(int ns_fd, int (*fn)(void *data), void *data);

#endif
