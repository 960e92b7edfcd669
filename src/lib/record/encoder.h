/* SPDX-License-Identifier: MIT */
#ifndef RECORD_ENCODER_H
#define RECORD_ENCODER_H
/*
 * Encodes records into one envelope, in the format that -marshal names. An envelope
 * is begun, filled row by row and ended in one growable buffer, so no memory is
 * allocated per record. An encoder belongs to one thread and may be reused for any
 * number of envelopes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/field.h"
#include "record/record.h"

struct encoder;

struct encoder_ops {
	const char *name;	  /* as -marshal spells it */
	const char *help;	  /* one line for -help */
	const char *content_type; /* for HTTP destinations */
	const char *suffix;	  /* of files, without the dot, as readers expect it */
	bool text;		  /* lines that a person can read */
	bool columns;		  /* -columns chooses the fields */
	bool rows;		  /* for a destination that gathers rows (rows.h), not for people or peers */
	bool header;		  /* begin() writes a line of names */
	/* All three append to b; memory failure shows in buf_ok(). */
	void (*begin)(struct encoder *e, struct buf *b);
	void (*row)(struct encoder *e, struct buf *b, const struct record *r);
	void (*end)(struct encoder *e, struct buf *b);
	/* Most bytes that begin() and end() add to the rows, without a header: for size limits. */
	size_t overhead;
	size_t closing; /* bytes that end() puts behind the last row */
	char separator; /* that row() puts before all rows but the first; 0 for none */
};

struct encoder {
	const struct encoder_ops *ops;
	size_t start; /* offset of the envelope in the buffer, set by begin() */
	/* csv, tsv, text: the chosen columns as indexes into record_fields[], NULL for all */
	uint16_t *columns;
	size_t column_count;
	bool
	    json_names; /* -names json: the names of fields in jsonl, csv, tsv, text, msgpack are protobuf's JSON names */
	bool header_done; /* csv, tsv: begin() writes no header; it sets this */
};

/* Return the field's name as this encoder writes it. */
static inline const char *encoder_field_name(const struct encoder *e, const struct record_field *f)
{
	return e->json_names ? record_field_json_name(f) : f->name;
}

/* Ends with a row whose name is NULL. */
extern const struct encoder_ops encoder_table[];

/*
 * marshal: a name of encoder_table (case-insensitive). columns: NULL or "" for
 * all, else comma-separated field names (csv, tsv and text only). Return 0, or -EINVAL
 * with a sentence that lists the valid names in error (size bytes).
 * encoder_free() accepts a zeroed encoder.
 */
int encoder_init(struct encoder *e, const char *marshal, const char *columns, char *error, size_t size);
/* After a failure, return which of the two is wrong: "marshal" or "columns". */
const char *encoder_refused(const struct encoder *e);
void encoder_free(struct encoder *e);

/* The bare wire bytes of one XtcpFlatRecord, appended to b (what gRPC streams). */
void wire_encode(struct buf *b, const struct record *r);

#endif
