/* SPDX-License-Identifier: MIT */
#ifndef POLL_SHIPPER_H
#define POLL_SHIPPER_H
/*
 * A record sink that samples (-modulus), encodes into the current envelope and
 * submits it when it is full. One shipper belongs to one worker thread (or to a
 * replay). Nothing is allocated for a record.
 */
#include "base/buf.h"
#include "config/config.h"
#include "poll/poll.h"
#include "record/encoder.h"

struct dest;
struct envelope;

/* What -envelopeFlushRows and -envelopeFlushBytes mean when they are 0. */
#define ENVELOPE_FLUSH_ROWS  10000
#define ENVELOPE_FLUSH_BYTES (768 * 1024)

/*
 * Records are handed to a tap in batches of about this many bytes: what is
 * copied is still in the processor's cache, and several batches fit into the
 * least that -grpcStreamBytes may be.
 */
#define TAP_BATCH_BYTES (32 * 1024)

struct shipper {
	struct record_sink sink; /* first: the sink is the shipper */
	struct dest *dest;
	struct encoder encoder;
	struct envelope *envelope; /* being filled; NULL between envelopes */
	uint64_t modulus, modulus_next;
	uint64_t counter; /* record_counter: records of this shipper since the start */
	uint32_t flush_rows;
	size_t flush_bytes, max_bytes;
	size_t row_at;	/* where the last record begins in the envelope */
	bool wire_rows; /* envelopes hold what a tap wants: protobufList */
	struct poll_tap *tap;
	size_t unseen_at;     /* the first row of the envelope that the tap has not got ... */
	uint32_t unseen_rows; /* ... and how many there are from it on */
	struct buf tap_batch; /* rows for the tap that no envelope holds as it wants them */
	uint32_t tap_rows;
	uint64_t shipped, sampled_out, oversize; /* since shipper_flush() */
};

/* dest is borrowed. 0, or -EINVAL (marshal, columns: with a sentence in error) or -ENOMEM. */
int shipper_init(struct shipper *s, const struct config *config, struct dest *dest, char *error, size_t size);
/* NULL takes the tap away, with what it has not got yet. */
void shipper_set_tap(struct shipper *s, struct poll_tap *tap);
/*
 * Shippers of one destination share a stream, whose csv or tsv header stands
 * ahead of all records: one of them sends it, before any has a record.
 */
void shipper_header(struct shipper *s, bool send);
/* Gives back an envelope that was not submitted. A zeroed shipper is fine. */
void shipper_free(struct shipper *s);

/* Submits what is there,
 * moves the counts to the stats and returns the records shipped since the last flush. */
uint64_t shipper_flush(struct shipper *s);

/* Fills the META fields that are the same in every record. Borrows config's strings. */
void record_constants(struct record *record, const struct config *config);

#endif
