/* SPDX-License-Identifier: MIT */
#ifndef RECORD_MSGPACK_H
#define RECORD_MSGPACK_H
/*
 * msgpack: one map per record, back to back: field name -> value, for every known
 * field, zeros included. Numbers as numbers in their smallest
 * form, addresses and bytes as bin, states and the congestion enum as the
 * numbers of the schema. Internal to the record stage.
 */
#include "record/encoder.h"

void msgpack_begin(struct encoder *e, struct buf *b);
void msgpack_row(struct encoder *e, struct buf *b, const struct record *r);
void msgpack_end(struct encoder *e, struct buf *b);

#endif
