/* SPDX-License-Identifier: MIT */
#ifndef RECORD_ROWS_H
#define RECORD_ROWS_H
/*
 * Envelopes of -marshal parquet on their way to the destination that gathers them
 * into row groups: for each record its length, its sections and its wire bytes.
 * Unlike the wire bytes alone, they tell a zero from an absent field. Only for this
 * process and its successor: numbers are in the machine's byte order.
 */
#include "record/encoder.h"

void rows_begin(struct encoder *e, struct buf *b);
void rows_row(struct encoder *e, struct buf *b, const struct record *r);
void rows_end(struct encoder *e, struct buf *b);

struct rows_reader {
	const uint8_t *p, *end;
	bool bad; /* the bytes are no such envelope */
};

struct rows_reader rows_of(const void *data, size_t len);
/* Read the next record; its strings point into the envelope. false at the end and at damage. */
bool rows_next(struct rows_reader *reader, struct record *r);

#endif
