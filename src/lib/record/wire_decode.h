/* SPDX-License-Identifier: MIT */
#ifndef RECORD_WIRE_DECODE_H
#define RECORD_WIRE_DECODE_H
/*
 * The wire bytes of one XtcpFlatRecord -> record: the reverse of wire_encode(),
 * for the clients. Pure; safe on any bytes.
 */
#include "base/protowire.h"
#include "base/str.h"
#include "record/record.h"

/*
 * Set every section that inet_diag_attributes names or of which a field came;
 * what proto3 leaves out is zero then. Strings point into bytes. Fields this
 * version does not know are skipped. Return 0 or -EBADMSG.
 */
int wire_decode(struct record *r, struct str bytes);

/*
 * The body of a Kafka message, varint(size) || Envelope, row by row:
 *
 *	struct envelope_reader e = envelope_of(body);
 *	while (envelope_next(&e, &r))
 *		...
 *	if (e.bad) ...
 *
 * Rows before the damage are given.
 */
struct envelope_reader {
	struct protowire fields;
	bool bad; /* these bytes are no envelope, or a row of it is none */
};

struct envelope_reader envelope_of(struct str body);
/* The next row, as wire_decode() gives it. False at the end and at damage. */
bool envelope_next(struct envelope_reader *e, struct record *r);

#endif
