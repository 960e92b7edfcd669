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
 * with jitter) and retries a failed envelope on the new connection: a peer may
 * receive an envelope cut or twice, but misses none. Stopping flushes the queue
 * until a deadline and counts the rest as lost.
 *
 * Up means delivering: see health.c. An envelope that the peer refuses because of
 * its size is cut in two between rows and sent as two, and later envelopes are
 * made smaller (split.c). A csv or tsv header is in every envelope, ahead of its
 * rows; a stream or a file leaves it out of all but the first.
 *
 * Records submitted = sent + queue_full + send_failed + shutdown_deadline,
 * always: the ledger that tests check.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct envelope {
	struct envelope *next; /* link of the queue that holds it */
	struct buf body;
	uint64_t mark; /* the destination's own, 0 at first; an envelope that is tried again keeps it */
	uint32_t rows;
	uint32_t header; /* bytes of a header line at the start of the body */
	uint32_t skip;	 /* bytes at the start that the last send left out: 0 or `header` */
	bool copied;	 /* -destWriteFiles has a copy: a retry makes no second one */
	/*
	 * For split.c: where each row begins, uint32_t, and where the last one ends, in the body
	 * before end() of the encoder, which may move them. Empty when the envelope is not to be split.
	 */
	struct buf cuts;
	uint32_t rows_end;
};

/* The longest reason of dest_reason(), with the NUL. */
#define DEST_REASON_MAX 400

struct dest;
struct encoder_ops;

/* Strings and the encoder are borrowed and must outlive the destination. */
struct dest_config {
	size_t queue_bytes;		   /* bound of the queue */
	const struct encoder_ops *encoder; /* content type and name; may be NULL: plain bytes */
	int64_t send_timeout_ns;	   /* for connecting, and for sending one envelope */
	uint32_t write_files;		   /* -destWriteFiles: copies of the first N envelopes kept on disk */
	const char *capture_path;	   /* directory of the copies */
	int64_t look_up_ns; /* interval between look-ups of the name in udp:; 0 for the default */
	const char *topic;  /* Kafka; the subject of NATS, the key of Valkey */
	const char *kafka_compression;
	const char *kafka_config; /* "key=value;key=value", the form of -kafkaConfig; NULL or "" for none */
	const char *columns;	  /* of Parquet; NULL or "" for all */
	bool json_names;	  /* of columns */
	/* Files that keep themselves; 0 for no limit. */
	uint64_t file_rotate_bytes, file_keep_bytes;
	int64_t file_rotate_every_ns, file_keep_age_ns;
	const char *hostname; /* for names of objects; NULL or "" for the kernel's */
	/* S3; NULL or "" for none. */
	const char *s3_endpoint, *s3_region, *s3_access_key, *s3_secret_key_file, *s3_encryption, *s3_spool;
	const char *s3_compression; /* "none", "gzip", "zstd"; NULL for "none" */
	bool s3_path_style;
	uint64_t s3_spool_bytes;
	const char *file_sync;			 /* "none", "file", "envelope"; NULL for "file" */
	uint64_t parquet_group_bytes;		 /* of envelopes in a row group; 0 for the default */
	int64_t parquet_group_every_ns;		 /* longest time that rows are gathered; 0 for the default */
	const char *tls_ca, *tls_cert, *tls_key; /* files; NULL or "" for none */
	/* NATS and Valkey; NULL or "" for none. */
	const char *dest_user, *dest_password_file, *nats_credentials_file;
	bool dest_tls;
	const char *valkey_command; /* "xadd", "lpush", "publish"; NULL for "xadd" */
	uint64_t valkey_max_length; /* of the stream; 0 for no limit */
};

/*
 * Parse "scheme:address" and create the destination, without touching the
 * network. Return NULL with a full sentence in error (size bytes) that names
 * the fault and the valid forms.
 */
struct dest *dest_new(const char *spec, const struct dest_config *config, char *error, size_t size);

/*
 * Open files and pipes by name, before the process drops privileges and before
 * dest_start(). New files belong to owner:group. Later attempts have the
 * process's reduced privileges.
 */
void dest_prepare(struct dest *d, uid_t owner, gid_t group, int given);

/*
 * Return a copy of the open file, which the caller owns; -1 for none. Call it
 * after dest_stop(). It is `given` of dest_prepare() in the restarted process,
 * which has fewer rights than the process that opened the file.
 */
int dest_kept_fd(struct dest *d);

/* Start the sending thread. Return 0 or -errno. */
int dest_start(struct dest *d);

/* Open a file anew, at its path, between two envelopes: on the sending thread, soon. Any thread. */
void dest_reopen(struct dest *d);

/* Return an empty envelope from the pool, or a new one; NULL without memory. Any thread. */
struct envelope *dest_envelope_get(struct dest *d);
/* Give back an envelope without sending it. NULL is fine. Any thread. */
void dest_envelope_put(struct dest *d, struct envelope *e);
/* Take ownership of the envelope and queue it. Never blocks. Any thread. */
void dest_submit(struct dest *d, struct envelope *e);

/* Return the largest envelope in bytes that the destination takes, 0 for no limit. It shrinks when the
 * peer refuses one because of its size. Any thread. */
size_t dest_max_envelope(const struct dest *d);
/* Tell whether envelopes should have `cuts`. */
bool dest_splits(const struct dest *d);

/* Return the spec of dest_new() without credentials, for logs. Lives as long as the destination. */
const char *dest_public_name(const struct dest *d);

/* Tell whether the destination confirms what is sent (health.c), for /readyz. Any thread. */
bool dest_healthy(const struct dest *d);
/* Copy why it does not, in one line without credentials; "" when nothing has failed yet. Any thread. */
void dest_reason(struct dest *d, char reason[DEST_REASON_MAX]);
/* Tell whether the last word was a failure, after dest_stop() too. Any thread. */
bool dest_failing(const struct dest *d);

/*
 * Return an eventfd, owned by the destination, that becomes readable when the
 * destination has ended for good (the reader of stdout is gone). The daemon then
 * stops cleanly; later envelopes count as send_failed.
 */
int dest_ended_fd(const struct dest *d);

/*
 * Flush until deadline_ns (CLOCK_MONOTONIC) and end the thread. Return the
 * number of unsent envelopes, all counted; later ones are counted too. Return at
 * the deadline plus a small grace even when the thread hangs in a library, for
 * example in a name look-up.
 */
size_t dest_stop(struct dest *d, int64_t deadline_ns);
/* Free the destination; stop at once if dest_stop() was not called. NULL is fine. */
void dest_free(struct dest *d);

/* One row per scheme, ends with scheme NULL; -help and error messages list it. */
struct dest_ops;
struct dest_scheme {
	const char *scheme; /* "tcp" */
	const char *syntax; /* "tcp:HOST:PORT" */
	const char *help;
	const struct dest_ops *ops;
};
extern const struct dest_scheme dest_table[];

#endif
