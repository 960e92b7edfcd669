/* SPDX-License-Identifier: MIT */
#ifndef DEST_DEST_H
#define DEST_DEST_H
/*
 * Theory of operation
 *
 * Workers fill envelopes and submit them; one thread, owned by this module,
 * takes them from a queue and sends them. The queue is bounded in bytes. When
 * it is full the oldest envelope is dropped, counted in records and bytes, and
 * logged at most once a minute: submitting never blocks, so a dead destination
 * never delays a poll. The thread reconnects with back-off (doubling, bounded,
 * with jitter); an envelope whose send failed is tried again on the new
 * connection, so a peer may see a cut one or one twice, but not lose a whole
 * one. Stopping flushes what is queued until a deadline; what is left then is counted.
 * Records submitted = sent + queue_full + send_failed + shutdown_deadline,
 * always: the ledger that tests check.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct envelope {
	struct envelope *next; /* the queue's */
	struct buf body;
	uint64_t mark; /* a destination's own while it keeps the envelope */
	uint32_t rows;
	bool copied; /* -destWriteFiles has it: one that is tried again is kept once */
};

struct dest;
struct encoder_ops;

/* Strings and the encoder are borrowed and must outlive the destination. */
struct dest_config {
	size_t queue_bytes;		   /* bound of the queue */
	const struct encoder_ops *encoder; /* content type and name; may be NULL: plain bytes */
	int64_t send_timeout_ns;	   /* of connecting, and of sending one envelope */
	uint32_t write_files;		   /* -destWriteFiles: copies of the first N envelopes kept on disk */
	const char *capture_path;	   /* where those go */
	const char *topic;		   /* Kafka */
	const char *kafka_compression;
	const char *kafka_config; /* "key=value;key=value" as -kafkaConfig has it; NULL or "" for none */
};

/*
 * Parses "scheme:address" and makes the destination, without touching the
 * network. Returns NULL with a full sentence in error (size bytes) that names
 * what is wrong and what is possible.
 */
struct dest *dest_new(const char *spec, const struct dest_config *config, char *error, size_t size);

/*
 * To be called before the process gives up rights, and before dest_start():
 * opens now what is opened by name, files and pipes; what it makes belongs to
 * owner:group. Later attempts have the rights that the process has then.
 */
void dest_prepare(struct dest *d, uid_t owner, gid_t group, int given);

/*
 * After dest_stop(): a copy of the open file, which the caller owns; -1 for none.
 * For dest_prepare() of the process that follows this one, which has fewer rights
 * than whoever opened it; -1 there, too, when there is none.
 */
int dest_kept_fd(struct dest *d);

/* Starts the sending thread. 0 or -errno. */
int dest_start(struct dest *d);

/* An empty envelope from the pool, or a new one; NULL without memory. Any thread. */
struct envelope *dest_envelope_get(struct dest *d);
/* Gives back an envelope that is not to be sent. NULL is fine. Any thread. */
void dest_envelope_put(struct dest *d, struct envelope *e);
/* Takes ownership and queues it. Never blocks. Any thread. */
void dest_submit(struct dest *d, struct envelope *e);

/* The largest envelope in bytes that can go out in one piece (datagrams), 0 for no limit. */
size_t dest_max_envelope(const struct dest *d);

/* What dest_new() was given, without credentials: for logs. Lives as long as the destination. */
const char *dest_public_name(const struct dest *d);

/* Whether the destination could be reached lately: for /readyz. Any thread. */
bool dest_healthy(const struct dest *d);

/*
 * An eventfd, owned by the destination, that becomes readable when the
 * destination is at its end for good: the reader of stdout is gone. The daemon
 * then stops cleanly; what is submitted from there on counts as send_failed.
 */
int dest_ended_fd(const struct dest *d);

/*
 * Flushes until deadline_ns (CLOCK_MONOTONIC), ends the thread. Returns
 * envelopes left behind, all counted; what is submitted later is counted too.
 * Comes back at the deadline plus a small grace even when the thread hangs in
 * a library, say in a name look-up.
 */
size_t dest_stop(struct dest *d, int64_t deadline_ns);
/* Stops at once when dest_stop() was not called. NULL is fine. */
void dest_free(struct dest *d);

/* One row a scheme, ends with scheme NULL; -help and error messages list it. */
struct dest_ops;
struct dest_scheme {
	const char *scheme; /* "tcp" */
	const char *syntax; /* "tcp:HOST:PORT" */
	const char *help;
	const struct dest_ops *ops;
};
extern const struct dest_scheme dest_table[];

#endif
