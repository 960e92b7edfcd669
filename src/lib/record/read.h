/* SPDX-License-Identifier: MIT */
#ifndef RECORD_READ_H
#define RECORD_READ_H
/*
 * Reads records from the bytes of a recording, in the formats of encoder_table: the reverse of encoder.h, piece by piece and in
 * memory of one record, whatever the size of envelopes. Pure; safe on any bytes. One thread per reader.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/record.h"

/* Longest record in any format; longer ones are taken for another format. */
#define READ_RECORD_MAX (1 << 20)
/* Bytes by which a format is recognised. */
#define READ_RECOGNISE	4096

struct reader_ops;

struct record_reader {
	const struct reader_ops *ops;
	struct buf
	    room; /* decoded texts of the current record, which point here or into the caller's bytes */
	/* protobufList */
	uint64_t envelope; /* bytes of the envelope still to come */
	/* protoJson */
	bool inside; /* of an envelope */
	/* csv, tsv: the field of each column, or -1 for one that this version does not know */
	int16_t *columns;
	size_t column_count;
};

enum read_result {
	READ_MORE, /* more bytes are needed; at the end of the bytes: they end within a record, unless none is left */
	READ_RECORD, /* one record */
	READ_OTHER,  /* bytes between records */
	READ_BAD,    /* the bytes are not of this format */
};

/* Return the name of the format that the first bytes of a recording are in, NULL for none of those that can be read. */
const char *read_recognise(struct str s);

/* Start to read `format`, a name of encoder_table. Return false if there is no reader of it. */
bool record_reader_init(struct record_reader *reader, const char *format);
void record_reader_free(struct record_reader *reader);

/*
 * Read from the front of data. *used: the bytes that were consumed; of READ_BAD, those before the fault. `end`: no more bytes
 * follow. The record's texts live until the next call and as long as data.
 */
enum read_result record_reader_next(struct record_reader *reader, struct str data, bool end, size_t *used,
				    struct record *r);

/* Return whether the recording may end here: not within an envelope. */
bool record_reader_complete(const struct record_reader *reader);

/* Append the names of the formats that can be read, separated by blanks. */
void record_reader_names(struct buf *b);

/* The formats; internal to the readers. */
struct reader_ops {
	const char *name;
	enum read_result (*next)(struct record_reader *reader, struct str data, bool end, size_t *used,
				 struct record *r);
};
enum read_result read_wire(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_jsonl(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_proto_json(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_proto_text(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_text(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_csv(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_tsv(struct record_reader *, struct str, bool, size_t *, struct record *);
enum read_result read_msgpack(struct record_reader *, struct str, bool, size_t *, struct record *);

#endif
