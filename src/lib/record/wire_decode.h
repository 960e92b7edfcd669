/* SPDX-License-Identifier: MIT */
#ifndef RECORD_WIRE_DECODE_H
#define RECORD_WIRE_DECODE_H
/*
 * Decodes the wire bytes of one XtcpFlatRecord, the reverse of wire_encode(), for
 * the clients. Pure; safe on any bytes.
 */
#include "base/protowire.h"
#include "base/str.h"
#include "record/record.h"

/*
 * Set every section that inet_diag_attributes names or that has a field in bytes;
 * fields that proto3 omits are zero then. Strings point into bytes. Unknown fields
 * are skipped. Return 0 or -EBADMSG.
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
 * Rows before the damage are delivered.
 */
struct envelope_reader {
	struct protowire fields;
	bool bad; /* the bytes are not an envelope, or one of its rows is not a row */
};

struct envelope_reader envelope_of(struct str body);
/* Decode the next row by wire_decode(). Return false at the end and at damage. */
bool envelope_next(struct envelope_reader *e, struct record *r);

#endif
