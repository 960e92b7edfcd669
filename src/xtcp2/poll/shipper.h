/* SPDX-License-Identifier: MIT */
#ifndef POLL_SHIPPER_H
#define POLL_SHIPPER_H
/*
 * A record sink that sums up (tally/tally.h), filters and samples (-modulus), encodes into the current envelope and
 * submits it when it is full. One shipper belongs to one worker thread (or to a
 * replay). Nothing is allocated for a record.
 */
#include "base/buf.h"
#include "config/config.h"
#include "poll/poll.h"
#include "record/encoder.h"

struct asn;
struct asn_cache;
struct changes;
struct dest;
struct envelope;
struct tally_part;
struct uplink_facts;
struct uplinks;

/* The limits that apply when -envelopeFlushRows or -envelopeFlushBytes is 0. */
#define ENVELOPE_FLUSH_ROWS  10000
#define ENVELOPE_FLUSH_BYTES (768 * 1024)

/*
 * A tap gets records in batches of about this many bytes: small enough that they
 * are still in the processor's cache when the tap copies them, and that several
 * batches fit into the smallest -grpcStreamBytes.
 */
#define TAP_BATCH_BYTES (32 * 1024)

struct shipper {
	struct record_sink sink; /* first: the sink is the shipper */
	struct dest *dest;
	struct encoder encoder;
	struct filter *filter;	   /* -filter; NULL for none */
	struct asn_cache *asn;	   /* -asnFile; NULL for none */
	struct changes *changes;   /* -changed: borrowed; NULL for none */
	struct buf room;	   /* for its fingerprints */
	struct envelope *envelope; /* being filled; NULL between envelopes */
	uint64_t modulus;
	uint64_t counter; /* record_counter: records of this shipper in this run */
	uint32_t flush_rows;
	size_t flush_bytes;
	size_t max_bytes;	  /* of the envelope being filled, 0 for no limit */
	bool cuts;		  /* envelopes note where their rows begin */
	size_t row_at;		  /* where the last record begins in the envelope */
	bool wire_rows;		  /* the envelope's bytes are those a tap takes: protobufList */
	struct tally_part *tally; /* sums up the records; NULL for none */
	struct poll_tap *tap;
	size_t unseen_at;     /* offset of the first row of the envelope that the tap has not got ... */
	uint32_t unseen_rows; /* ... and the number of rows from there on */
	struct buf tap_batch; /* rows for the tap when the envelope has another format */
	uint32_t tap_rows;
	uint64_t shipped, sampled_out, filtered, unchanged, oversize; /* since shipper_flush() */
};

/*
 * Initialise a shipper; dest is borrowed. Return 0, -EINVAL for a bad -marshal, -columns or -filter, with one sentence
 * in error (size bytes), or -ENOMEM.
 */
int shipper_init(struct shipper *s, const struct config *config, struct dest *dest, char *error, size_t size);
/* Tell the autonomous system of remote addresses from now on. NULL for asn does nothing. 0 or -ENOMEM. */
int shipper_set_asn(struct shipper *s, struct asn *asn);
/* Set the tap; NULL removes it and discards the rows it has not got yet. */
void shipper_set_tap(struct shipper *s, struct poll_tap *tap);
/* Free the shipper; its unsubmitted envelope goes back to the destination. A zeroed shipper is fine. */
void shipper_free(struct shipper *s);

/* Submit the current envelope, add the counts to the stats and return the records shipped since the last
 * flush. */
uint64_t shipper_flush(struct shipper *s);

/*
 * The run of this process: microseconds since the epoch at the first call, which is small enough a number for
 * readers with double precision. record_counter begins anew with it: at a start, and at a restart in place
 * (SIGHUP, reconfigure), which is a new process image. Call it first before threads start.
 */
uint64_t run_id(void);

/* Ship a record that is no socket, a mark of -changed: neither filter nor sample nor tap sees it. */
void shipper_mark(struct shipper *s, struct record *mark);

/* Set the META fields that are the same in every record. Borrows config's strings. */
void record_constants(struct record *record, const struct config *config);

/*
 * Set the host name: -hostname, or the kernel's, which may change while the daemon
 * runs, so it is asked at each poll. Borrows config's string or the room.
 */
struct hostname {
	char text[65]; /* the kernel's 64 bytes and a NUL */
};
void record_hostname(struct record *record, const struct config *config, struct hostname *room);

/* Set the section ENRICH by the facts of now, which the record borrows. NULL for uplinks leaves it out. */
void record_uplinks(struct record *record, struct uplinks *uplinks, struct uplink_facts *facts);

#endif
