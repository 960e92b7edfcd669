/* SPDX-License-Identifier: MIT */
#ifndef DEST_NATS_H
#define DEST_NATS_H
/* The parts of the NATS destination: what waits for an acknowledgement, the connection, the words for its errors. */
#include <pthread.h>

#include <nats/nats.h>

#include "dest/address.h"
#include "dest/nats_ack.h"
#include "dest/ops.h"
#include "dest/pem.h"

/* Messages that may wait for an acknowledgement; a power of two. */
#define NATS_IN_FLIGHT_MAX 256
/* The longest "HOST:PORT" or "[IPv6]:PORT" with the NUL. */
#define NATS_SERVER_MAX	   (NI_MAXHOST + 16)
/* Servers of one destination. */
#define NATS_SERVERS_MAX   16
/* Longest password, token or user, with the NUL. */
#define NATS_SECRET_MAX	   512
/* Longest inbox, and reply subject below it: "INBOX.SEQUENCE", with the NUL. */
#define NATS_INBOX_MAX	   64
#define NATS_REPLY_MAX	   (NATS_INBOX_MAX + 24)
/* Room within max_payload for the headers of a message. */
#define NATS_HEADERS_MAX   256
/* Longest text of the server about a permission, with the NUL. */
#define NATS_DENIED_MAX	   200

/* A message on its way. The answer is written by libnats' thread, under the lock. */
struct nats_slot {
	struct envelope *e;
	uint64_t sequence; /* in the reply subject; 0 for a slot that is free */
	int64_t sent_ns;
	bool answered;
	struct nats_ack ack;
};

struct nats_dest {
	struct dest_io io;
	char servers[NATS_SERVERS_MAX][NATS_SERVER_MAX];
	size_t server_count, first; /* the server to try first */
	char secret[NATS_SECRET_MAX];
	struct pem_files pem;

	/* NULL while not connected. */
	natsConnection *connection;
	natsSubscription *answers;
	natsInbox *inbox;
	int64_t max_payload; /* as the last server told */
	bool proven;	     /* something was acknowledged on this connection */
	bool opened;	     /* libnats has its threads */

	uint64_t nonce;	       /* of the process, in message identifiers */
	uint64_t last_id;      /* the last message identifier */
	uint64_t head, tail;   /* sequences: of the oldest in flight, of the next message */
	uint64_t acknowledged; /* the newest sequence that was */
	int64_t progress_ns;   /* when something was answered last, or the first was sent */
	size_t in_flight_bytes;

	pthread_mutex_t lock; /* for the slots' answers and what follows */
	struct nats_slot slots[NATS_IN_FLIGHT_MAX];
	char denied[NATS_DENIED_MAX]; /* the server's words about a permission that lacks */
};

/*
 * Read the servers and the secrets; no network. Return 0, or -EINVAL with a clause in io->why. Free what it read.
 */
int nats_settings_read(struct nats_dest *n, const char *address);
void nats_settings_free(struct nats_dest *n);

/*
 * Connect to the first server that answers and has a stream for the subject: connection, answers and inbox are
 * set. Return 0, or -errno with why. Blocks until the deadline, and up to NATS_CONNECT_MS beyond.
 */
int nats_link_open(struct nats_dest *n, int64_t deadline_ns);
#define NATS_CONNECT_MS 2000
/* Close the connection, if there is one: no answer arrives any more. */
void nats_link_close(struct nats_dest *n);

/* Ask the server which stream takes the subject. Return 0, -ENOENT with why for none, -ETIMEDOUT without an answer. */
int nats_find_stream(struct nats_dest *n, int64_t timeout_ms);

/* Called by libnats' threads: the answer to a message; the server's word about a permission. */
void nats_on_answer(natsConnection *c, natsSubscription *s, natsMsg *m, void *dest);
void nats_on_error(natsConnection *c, natsSubscription *s, natsStatus status, void *dest);
void nats_on_closed(natsConnection *c, void *dest);

#endif
