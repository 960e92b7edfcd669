/* SPDX-License-Identifier: MIT */
#ifndef RECORD_TEXT_H
#define RECORD_TEXT_H
/*
 * Formats for people and spreadsheets. csv (RFC 4180, lines end in LF) and tsv
 * (backslash escapes): one header line per encoder, then one line per record;
 * an unknown field is empty. text: "name: value" lines of the known fields, then
 * an empty line. format_field() formats the values. protoText: the
 * protobuf text format of one Envelope. Internal to the record stage.
 */
#include "record/encoder.h"

void csv_begin(struct encoder *e, struct buf *b);
void csv_row(struct encoder *e, struct buf *b, const struct record *r);
void tsv_begin(struct encoder *e, struct buf *b);
void tsv_row(struct encoder *e, struct buf *b, const struct record *r);
void text_begin(struct encoder *e, struct buf *b);
void text_row(struct encoder *e, struct buf *b, const struct record *r);
void proto_text_row(struct encoder *e, struct buf *b, const struct record *r);
/* For all of them. */
void text_end(struct encoder *e, struct buf *b);

#endif
