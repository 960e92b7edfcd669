/* SPDX-License-Identifier: MIT */
#ifndef DEST_OPS_H
#define DEST_OPS_H
/*
 * What one kind of destination implements. All of it runs on the sending
 * thread, except parse(), which runs in dest_new(). The core (dest.c) owns the
 * queue, the ledger, back-off and logging; a destination only says how it went
 * and leaves the reason of a failure with dest_why().
 */
#include <poll.h>

#include "dest/dest.h"

enum dest_result {
	DEST_SENT,  /* done: with this, or without anything to say */
	DEST_RETRY, /* not taken, and the connection is of no use: queue it in front, disconnect, back off */
	DEST_BUSY,  /* not yet: it stays in hand, and is tried again when dest_wake_fd() fires or shortly */
	DEST_LOST,  /* will never be taken: counted as send_failed */
	DEST_TAKEN, /* the destination keeps it until dest_complete() */
	DEST_ENDED, /* not taken, and nobody will read any more (EPIPE of stdout): the destination has ended */
};

#define DEST_WHY_MAX 320

/* The first member of every destination's own state; filled before parse(). */
struct dest_io {
	struct dest *dest;
	const struct dest_config *config;
	size_t max_envelope;	/* parse() may set it; 0 for no limit */
	int64_t tick_ns;	/* while above 0, service() is called at least this often */
	char why[DEST_WHY_MAX]; /* reason of the last failure */
};

struct dest_ops {
	size_t state_size; /* of the zeroed struct that starts with struct dest_io */
	bool whole_spec;   /* parse() is given "http://..." rather than what follows the scheme's colon */
	int64_t grace_ns;  /* what disconnect() may take beyond what dest_stop() waits for all */
	bool lazy; /* connecting proves nothing: up only when an envelope is sent, or dest_set_up() says so */
	/* Reads the address, which lives as long as the state; no network, no blocking. 0, or -errno with a
	 * clause ("has no port") in why. */
	int (*parse)(struct dest_io *io, const char *address);
	/* Optional: opens what may need the rights of the user who started the program; what it makes is
	 * given to owner:group. Before the thread starts, once. A failure is connect()'s to report. given
	 * (owned, or -1) is what kept() was in the process before: of use where nothing can be opened. */
	void (*prepare)(struct dest_io *io, uid_t owner, gid_t group, int given);
	/* Optional: the descriptor, borrowed, that may be given to prepare() of a next process; -1 for none. */
	int (*kept)(struct dest_io *io);
	/* NULL when there is nothing to connect. 0 or -errno, with why. */
	int (*connect)(struct dest_io *io, int64_t deadline_ns);
	/* Sends a whole envelope until the deadline. */
	enum dest_result (*send)(struct dest_io *io, struct envelope *e, int64_t deadline_ns);
	/* After DEST_RETRY and at the end; completes all that was taken. May be called when not connected. */
	void (*disconnect)(struct dest_io *io);
	/* Optional: called before each send and after each wake-up: DEST_SENT or DEST_RETRY. */
	enum dest_result (*service)(struct dest_io *io);
	/* Optional: the fd (or -1) whose events are looked at while there is nothing to send... */
	int (*idle_fd)(struct dest_io *io, short *events);
	/* ...and what to do about them: DEST_SENT, DEST_RETRY or DEST_ENDED. */
	enum dest_result (*idle)(struct dest_io *io, short revents);
	/* Optional: frees what parse() made; the struct itself is freed by the core. */
	void (*free)(struct dest_io *io);
};

extern const struct dest_ops dest_null_ops, dest_stdout_ops, dest_stderr_ops, dest_file_ops;
extern const struct dest_ops dest_udp_ops, dest_unixgram_ops, dest_tcp_ops, dest_unix_ops;
extern const struct dest_ops dest_http_ops, dest_kafka_ops;

/* Notes why something failed; err (errno, or 0) is appended as text. */
void dest_why(struct dest_io *io, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Waits for events on fd. 0 when there are some (errors and hang-ups too),
 * -ETIMEDOUT at deadline_ns or at the deadline of dest_stop(), whichever is
 * sooner, or -errno.
 */
int dest_wait(struct dest_io *io, int fd, short events, int64_t deadline_ns);

/* deadline_ns, or that of dest_stop() when it is sooner. */
int64_t dest_deadline(struct dest_io *io, int64_t deadline_ns);

/* An eventfd that interrupts the thread's sleep when written (8 bytes);
 * and one readable once dest_stop() began. */
int dest_wake_fd(struct dest_io *io);
int dest_stop_fd(struct dest_io *io);

/* Ends DEST_TAKEN: DEST_SENT, DEST_LOST, or DEST_RETRY to queue it again in front. Sending thread. */
void dest_complete(struct dest_io *io, struct envelope *e, enum dest_result result);

/* For destinations that connect in the background:
 * whether the peer is reachable; why is logged on a change. */
void dest_set_up(struct dest_io *io, bool up);

/* The row of dest_table for "scheme:..." or NULL; and the sentence for the latter. */
const struct dest_scheme *dest_scheme_find(const char *spec);
void dest_scheme_error(const char *spec, char *error, size_t size);

/* Name for logs: the spec without what may be secret. */
const char *dest_name(struct dest_io *io);

#endif
