/* SPDX-License-Identifier: MIT */
#ifndef NETNS_NETNS_H
#define NETNS_NETNS_H
/*
 * Theory of operation
 *
 * The table holds every network namespace of the host that this process may
 * see. It is filled from two sides: inotify on the directories where names are
 * bind-mounted (/run/netns, /run/docker/netns), which is fast, and a scan of those
 * directories and of all processes (/proc/PID/ns/net, or what the kernel tells a
 * BPF program) before each poll, which is complete. While an entry is OPEN its
 * netlink socket keeps the namespace alive, so (dev, ino) cannot be reused unnoticed. For the same reason a namespace that the last scan
 * found in no process and no mount is closed at once: otherwise it would never end.
 * The identity given to users is SO_NETNS_COOKIE, which is never reused.
 *
 * A namespace that only a thread or a socket holds is in neither place; netns/hidden.h
 * finds it. One that only an open file of nsfs holds has no process and no socket in it,
 * and is not looked for.
 *
 * States, and the operations allowed in each:
 *   NETNS_SEEN     known by (dev, ino), no socket yet; a worker may open it
 *   NETNS_OPEN     socket open, idle; a worker may dump it; main may close it
 *   NETNS_DUMPING  owned by one worker until it puts it back to OPEN
 *   NETNS_BLOCKED  could not be entered; retried after a back-off, counted once
 *   NETNS_GONE     ended before it could be entered; workers must not take it, the next scan removes it
 *
 * Threads: only the main thread changes the table, and only between polls. During
 * a poll a worker owns the entries handed to it, and inotify events only set a flag.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

/* Longest name in bytes; longer ones are cut. Names are file names, hence NAME_MAX. */
#define NETNS_NAME_MAX 256

struct enrichment;
struct hidden;
struct netlink_socket;

/* The two ways to end the socket by which a source keeps a namespace open (source/netlink_socket.h). */
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
	bool own;	    /* the namespace this process runs in */
	int32_t nsid;	    /* its nsid in the own namespace (netns/nsid.h); -1 for none */
	char *name;	    /* file name of the mount (UTF-8), "pid:N" if only a process is in it, "tid:N" and
		    * "socket:PID" if only a thread or a socket holds it, "self"; owned */
	char *path;	    /* path to open(2) for entering it; owned */
	uint32_t processes; /* number of processes that the last scan found in it */
	pid_t pid;	    /* one of those processes, 0 for none */
	/* State of a later stage (enrich/enrichment.h); owned, freed by enrichment_free(). NULL for none. */
	struct enrichment *enrichment;
	void (*enrichment_free)(struct enrichment *enrichment);
	struct netlink_socket *socket; /* of the source; owned; NULL before the first open */
	const struct netns_socket_ops *socket_ops;
	uint32_t seen;	   /* number of the scan that saw it last */
	uint32_t failures; /* failed attempts to enter it since the last success */
	int64_t retry_ns;  /* BLOCKED: CLOCK_MONOTONIC time of the next attempt */
	/* Of the poll (poll/turns.h): */
	uint64_t turn;	 /* the turn at which it was served last, 0 for not yet */
	int64_t read_ns; /* CLOCK_MONOTONIC: last complete read, or the discovery before the first one */
};

struct netns_table;

struct netns_options {
	/* NULL-terminated; watched and scanned; may be missing; must outlive the table */
	const char *const *directories;
	bool scan_proc;
	/*
	 * Another way to what scan_proc looks for: call fn for each process with the inode of its namespace. 0, or -errno, and
	 * /proc is read after all. May be NULL
	 */
	int (*processes)(void *data, void (*fn)(void *fn_data, pid_t pid, ino_t inode), void *fn_data);
	void *processes_data;
	struct hidden *hidden; /* borrowed; NULL: hidden namespaces are not looked for */
	bool own_only;	       /* without CAP_SYS_ADMIN: only the own namespace */
	/* called at the end of each scan, on its thread; may be NULL */
	void (*on_scanned)(void *data, struct netns **entries, size_t count);
	void *scanned_data;
};

/* The directories watched unless options say otherwise: /run/netns, /run/docker/netns, NULL. */
extern const char *const netns_directories[];

/*
 * Create a table with the own namespace in state SEEN. Watch the directories on
 * `loop`, which may be NULL for a table that is only scanned. on_change(data), which
 * may be NULL, is called from the loop once per burst of changes. NULL with errno.
 */
struct netns_table *netns_table_new(struct loop *loop, const struct netns_options *options,
				    void (*on_change)(void *data), void *data);
void netns_table_free(struct netns_table *table);

/*
 * Scan the directories and /proc: add new namespaces, update names, close and remove
 * ended ones. Never fails; unreadable files are counted (NETNS_ERR_*). Main thread,
 * between polls.
 */
void netns_table_scan(struct netns_table *table);

/* Return the entries, owned by the table and valid until the next scan; set *count to their number. */
struct netns **netns_table_entries(struct netns_table *table, size_t *count);

/*
 * Find a namespace by the inode of its file, or by its cookie; NULL for none that the last scan saw. A source
 * that reads all namespaces in one pass names its records with them (source_set_netns()): by inode in
 * constant time, by cookie with a walk of the table. An inode may belong to another namespace since the scan,
 * and the cookie is unknown (0) until a source has set it. If the cookies differ, it is another namespace.
 *
 * Call it on the main thread between polls, or during a poll on the worker of a source with dump_all(), which
 * then owns every entry and may set the cookie.
 */
struct netns *netns_table_find_by_inode(struct netns_table *table, ino_t ino);
struct netns *netns_table_find_by_cookie(struct netns_table *table, uint64_t cookie);

/*
 * Open a SEEN (or due BLOCKED) namespace: enter it with setns(2) on the calling thread, run make(ns) there,
 * which sets ns->socket, ns->socket_ops and ns->cookie and returns 0 or -errno, and come back. Return 0
 * (state OPEN; at once when it is open already) or
 *   -EAGAIN                 BLOCKED and not due, not tried
 *   -EPERM, -EACCES, other  now BLOCKED
 *   -ENOENT, -ESRCH, -ESTALE  now GONE
 *   -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS  still SEEN: the next poll tries again
 * Count and log failures. If the thread cannot return to its own namespace, abort the process, because
 * every later record would carry a wrong namespace.
 */
int netns_open(struct netns *ns, int (*make)(struct netns *ns));

/* Close the socket; the state becomes SEEN. Harmless when it is not open. */
void netns_close(struct netns *ns);

/* Return the cookie of the namespace that a socket is in, 0 on kernels before 5.14. */
uint64_t netns_socket_cookie(int socket_fd);

/* Return a new fd of the namespace, O_CLOEXEC; -ESTALE if its path leads to another one by now, or -errno. */
int netns_path_fd(const struct netns *ns);

/* Return a new fd of the calling thread's network namespace, O_CLOEXEC, or -errno. */
int netns_self_fd(void);

/* Run fn(data) in the namespace of ns_fd on this thread. Return its result, or -errno of setns(2). */
int netns_call(int ns_fd, int (*fn)(void *data), void *data);

#endif
