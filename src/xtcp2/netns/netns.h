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
 * complete. While an entry is OPEN its netlink socket pins the namespace, so
 * (dev, ino) cannot be reused behind our back; and because it pins it, a
 * namespace that no process and no mount showed in the last scan is closed at
 * once. The identity given to users is SO_NETNS_COOKIE, which is never reused.
 *
 * A namespace that only a thread or a socket holds is in neither place: netns/hidden.h
 * looks for those beside the scans. One that nothing but an open file of nsfs
 * holds has no process and no socket in it, and is not found.
 *
 * States and what may happen in each:
 *   NETNS_SEEN     known by (dev, ino), no socket yet; a worker may open it
 *   NETNS_OPEN     socket open, idle; a worker may dump it; main may close it
 *   NETNS_DUMPING  owned by one worker until it puts it back to OPEN
 *   NETNS_BLOCKED  could not be entered; retried after a back-off, counted once
 *   NETNS_GONE     vanished before it could be entered; the next scan forgets it, workers must not take it
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

struct enrichment;
struct hidden;
struct netlink_socket;

/* The ends of the socket by which a source keeps a namespace open (source/netlink_socket.h). */
struct netns_socket_ops {
	void (*close)(struct netlink_socket *socket);
	void (*free)(struct netlink_socket *socket); /* after close() */
};

enum netns_state { NETNS_SEEN, NETNS_OPEN, NETNS_DUMPING, NETNS_BLOCKED, NETNS_GONE };

struct netns {
	enum netns_state state;
	uint64_t cookie; /* SO_NETNS_COOKIE; 0 until opened, or on kernels before 5.14 */
	ino_t ino;
	dev_t dev;
	bool own;     /* the namespace this process runs in */
	int32_t nsid; /* its number in the own namespace (netns/nsid.h); -1 for none */
	char *name;   /* file name of the mount (UTF-8), "pid:N" when only a process shows it, "tid:N" and
		    * "socket:PID" when only a thread or a socket holds it, "self"; owned */
	char *path;   /* what to open(2) to enter it; owned */
	uint32_t processes; /* how many the last scan saw in it */
	pid_t pid;	    /* one of them, 0 for none */
	/* State of a later stage (enrich/enrichment.h); owned, freed by the function beside it. NULL for none. */
	struct enrichment *enrichment;
	void (*enrichment_free)(struct enrichment *enrichment);
	struct netlink_socket
	    *socket; /* of the source that reads the namespace; owned; NULL before the first open */
	const struct netns_socket_ops *socket_ops;
	uint32_t seen;	   /* number of the scan that saw it last */
	uint32_t failures; /* attempts to enter it that failed in a row */
	int64_t retry_ns;  /* BLOCKED: not before this CLOCK_MONOTONIC time */
	/* Of the poll (poll/turns.h): */
	uint64_t turn; /* when a cycle served it last, 0 for not yet */
	int64_t
	    read_ns; /* CLOCK_MONOTONIC: when it was last read to its end; when it was found, before that */
};

struct netns_table;

struct netns_options {
	/* NULL-terminated; watched and scanned; may be missing; must outlive the table */
	const char *const *directories;
	bool scan_proc;
	struct hidden *hidden; /* borrowed; NULL: do not look for such */
	bool own_only;	       /* without CAP_SYS_ADMIN: the own namespace and nothing else */
	/* called at the end of each scan, on its thread; may be NULL */
	void (*on_scanned)(void *data, struct netns **entries, size_t count);
	void *scanned_data;
};

/* The directories watched unless options say otherwise: /run/netns, /run/docker/netns, NULL. */
extern const char *const netns_directories[];

/*
 * Starts with the own namespace in state SEEN. Adds its inotify watch to loop
 * (a missing directory is watched for through its parents); loop may be NULL
 * for a table that is only scanned. on_change(data) is called from the loop
 * when a directory changed, once for a burst of changes; may be NULL. NULL with errno.
 */
struct netns_table *netns_table_new(struct loop *loop, const struct netns_options *options,
				    void (*on_change)(void *data), void *data);
void netns_table_free(struct netns_table *table);

/*
 * Scans directories and /proc, adds what is new, follows names, closes and
 * forgets what is gone. Never fails: what could not be read is counted
 * (NETNS_ERR_*). Main thread, and not while a poll runs.
 */
void netns_table_scan(struct netns_table *table);

/* The entries, owned by the table, valid until the next scan; *count is their number. */
struct netns **netns_table_entries(struct netns_table *table, size_t *count);

/*
 * Find a namespace by the inode of its file, or by its cookie; NULL for none that the last scan saw. A source
 * that reads all namespaces in one pass names its records with them (source_set_netns()): by inode in constant
 * time, by cookie with a walk of the table. An inode may have gone to another namespace since the scan, and the
 * cookie is unknown (0) until a source has set it: one that differs from the kernel's is another namespace.
 *
 * Threads: as the table. Between polls the main thread calls them; during a poll the worker of a source with
 * dump_all() alone, which then owns every entry and may set the cookie.
 */
struct netns *netns_table_find_by_inode(struct netns_table *table, ino_t ino);
struct netns *netns_table_find_by_cookie(struct netns_table *table, uint64_t cookie);

/*
 * Open a SEEN (or due BLOCKED) namespace: enter it with setns(2) on the calling thread, run make(ns) there, which
 * sets ns->socket, ns->socket_ops and ns->cookie and returns 0 or -errno, and come back. Return 0
 * (state OPEN; at once when it is open already) or
 *   -EAGAIN                 BLOCKED and not due, not tried
 *   -EPERM, -EACCES, other  now BLOCKED
 *   -ENOENT, -ESRCH, -ESTALE  now GONE
 *   -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS  still SEEN: the next poll tries again
 * Counts and logs failures. A thread that cannot come back to its own namespace aborts the process, because
 * every later record would carry a wrong namespace.
 */
int netns_open(struct netns *ns, int (*make)(struct netns *ns));

/* Close the socket; the state becomes SEEN. Harmless when it is not open. */
void netns_close(struct netns *ns);

/* Return the cookie of the namespace that a socket is in, 0 on kernels before 5.14. */
uint64_t netns_socket_cookie(int socket_fd);

/* A new fd of the namespace, O_CLOEXEC; -ESTALE when its path leads to another one by now, or -errno. */
int netns_path_fd(const struct netns *ns);

/* A new fd of the calling thread's network namespace, O_CLOEXEC, or -errno. */
int netns_self_fd(void);

/* Runs fn(data) in the namespace of ns_fd on this thread; returns its result, or -errno of setns(2). */
int netns_call(int ns_fd, int (*fn)(void *data), void *data);

#endif
