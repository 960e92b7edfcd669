/* SPDX-License-Identifier: MIT */
#ifndef DEST_OPS_H
#define DEST_OPS_H
/*
 * The interface of one kind of destination. All of it runs on the sending
 * thread, except parse(), which runs in dest_new(). The core (dest.c) owns the
 * queue, the ledger, back-off and logging; a destination returns a result and
 * sets the reason of a failure with dest_why().
 */
#include <poll.h>

#include "dest/dest.h"

enum dest_result {
	DEST_SENT,  /* the envelope is delivered, or the operation has succeeded */
	DEST_RETRY, /* not accepted, the connection is broken: queue it in front, disconnect, back off */
	DEST_BUSY,  /* not yet: it stays in hand; retry when dest_wake_fd() fires, or after a short wait */
	DEST_LOST,  /* will never be accepted: counted as send_failed */
	DEST_SPLIT, /* refused because of its size: cut in two, or lost when it has one row */
	DEST_TAKEN, /* the destination owns it until dest_complete() */
	DEST_ENDED, /* not accepted, and the reader is gone for good (EPIPE of stdout) */
};

#define DEST_WHY_MAX 320
_Static_assert(DEST_WHY_MAX < DEST_REASON_MAX, "a reason has a why in it");

/* The first member of every destination's state; filled before parse(). */
struct dest_io {
	struct dest *dest;
	const struct dest_config *config;
	size_t max_envelope; /* parse() may set it; 0 for no limit; atomic */
	bool reopen;	     /* atomic: service() is to open files anew */
	int64_t tick_ns;     /* while above 0, the longest time between two calls of service() */
	uint64_t gathered;   /* of the envelopes taken, those that wait for more to come, not for the peer */
	int64_t pause_ns;    /* set before DEST_RETRY: the peer asks for at least this long a pause */
	bool kept; /* DEST_SENT means kept on this host: dest_confirmed() tells what the peer says */
	char why[DEST_WHY_MAX]; /* reason of the last failure */
};

struct dest_ops {
	size_t state_size; /* of the zeroed struct that starts with struct dest_io */
	bool whole_spec;   /* parse() gets "http://..." rather than the text after the scheme's colon */
	int64_t
	    grace_ns; /* time for disconnect() beyond the grace that dest_stop() gives every destination */
	bool lazy;    /* connect() proves nothing: up only after a sent envelope or dest_reached() */
	bool rows;    /* takes the rows of -marshal parquet */
	bool splits;  /* send() or dest_complete() may have DEST_SPLIT */
	/* Parse the address, which lives as long as the state; no network, no blocking. Return 0, or -errno
	 * with a clause ("has no port") in why. */
	int (*parse)(struct dest_io *io, const char *address);
	/* Optional: return the ops of another kind of destination that the options or the address ask for. */
	const struct dest_ops *(*instead)(const struct dest_config *config, const char *address);
	/* Optional: open files that need the rights of the user who started the program, once, before the
	 * thread starts; new files belong to owner:group. connect() reports a failure. given (owned, or -1)
	 * is kept() of the process before the restart, for when the file cannot be opened again. */
	void (*prepare)(struct dest_io *io, uid_t owner, gid_t group, int given);
	/* Optional: return the descriptor, borrowed, for prepare() of the restarted process; -1 for none. */
	int (*kept)(struct dest_io *io);
	/* Connect; NULL when there is nothing to connect. Return 0 or -errno, with why. */
	int (*connect)(struct dest_io *io, int64_t deadline_ns);
	/* Send a whole envelope until the deadline. */
	enum dest_result (*send)(struct dest_io *io, struct envelope *e, int64_t deadline_ns);
	/* Disconnect, after DEST_RETRY and at the end; complete all DEST_TAKEN. May be called when not
	 * connected. */
	void (*disconnect)(struct dest_io *io);
	/* Optional: do pending work, before each send and after each wake-up: DEST_SENT or DEST_RETRY. */
	enum dest_result (*service)(struct dest_io *io);
	/* Optional: the daemon ends and the queue is empty: send what is gathered. DEST_SENT or DEST_RETRY. */
	enum dest_result (*drain)(struct dest_io *io);
	/* Optional: return the fd (or -1) to poll for events while there is nothing to send. */
	int (*idle_fd)(struct dest_io *io, short *events);
	/* Optional: find out, with why, the reason that nothing is confirmed; may block for a second. */
	void (*explain)(struct dest_io *io);
	/* Handle the events of idle_fd(): DEST_SENT, DEST_RETRY or DEST_ENDED. */
	enum dest_result (*idle)(struct dest_io *io, short revents);
	/* Optional: free what parse() allocated; the core frees the struct itself. */
	void (*free)(struct dest_io *io);
};

extern const struct dest_ops dest_null_ops, dest_stdout_ops, dest_stderr_ops, dest_file_ops, dest_files_ops;
extern const struct dest_ops dest_udp_ops, dest_unixgram_ops, dest_tcp_ops, dest_unix_ops;
extern const struct dest_ops dest_http_ops, dest_kafka_ops, dest_s3_ops, dest_nats_ops, dest_valkey_ops;

/* Set the reason of a failure, in which control characters become '?'; append err (errno, or 0) as text. */
void dest_why(struct dest_io *io, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Wait for events on fd. Return 0 when there are some (errors and hang-ups too),
 * -ETIMEDOUT at deadline_ns or at the deadline of dest_stop(), whichever is
 * sooner, or -errno.
 */
int dest_wait(struct dest_io *io, int fd, short events, int64_t deadline_ns);

/* Return deadline_ns, or the deadline of dest_stop() when it is sooner. */
int64_t dest_deadline(struct dest_io *io, int64_t deadline_ns);

/* Return an eventfd that interrupts the thread's sleep when written (8 bytes),
 * and one that is readable from dest_stop() on. */
int dest_wake_fd(struct dest_io *io);
/* Interrupt the thread's sleep. Any thread. */
void dest_wake(struct dest_io *io);
int dest_stop_fd(struct dest_io *io);

/* End DEST_TAKEN with DEST_SENT, DEST_LOST, DEST_SPLIT, or DEST_RETRY to queue it again in front. Sending thread. */
void dest_complete(struct dest_io *io, struct envelope *e, enum dest_result result);

/*
 * The peer has been reached, which proves something only while nothing waits for a
 * confirmation; or it has failed, with why. For destinations that connect in the background.
 */
void dest_reached(struct dest_io *io);
void dest_down(struct dest_io *io);
/* The peer has confirmed something. For destinations with `kept`. */
void dest_confirmed(struct dest_io *io);

/* Return the row of dest_table for "scheme:...", or NULL; write the error sentence for the latter. */
const struct dest_scheme *dest_scheme_find(const char *spec);
void dest_scheme_error(const char *spec, char *error, size_t size);

/* Return the name for logs: the spec without credentials. */
const char *dest_name(struct dest_io *io);

#endif
