/* SPDX-License-Identifier: MIT */
#ifndef RECORD_WIRE_H
#define RECORD_WIRE_H
/* protobufList: varint(size) || Envelope{repeated XtcpFlatRecord row = 10}. Internal to the record stage. */
#include "record/encoder.h"

/* Most bytes around the rows of one envelope: its length as a varint. */
#define WIRE_OVERHEAD 5

void wire_begin(struct encoder *e, struct buf *b);
void wire_row(struct encoder *e, struct buf *b, const struct record *r);
void wire_end(struct encoder *e, struct buf *b);

#endif
