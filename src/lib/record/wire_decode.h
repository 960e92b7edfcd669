/* SPDX-License-Identifier: MIT */
#ifndef RECORD_WIRE_DECODE_H
#define RECORD_WIRE_DECODE_H
/*
 * The wire bytes of one XtcpFlatRecord -> record: the reverse of wire_encode(),
 * for the clients. Pure; safe on any bytes.
 */
#include "base/str.h"
#include "record/record.h"

/*
 * Sets every section that inet_diag_attributes names or of which a field came;
 * what proto3 leaves out is zero then. Strings point into bytes. Fields this
 * version does not know are skipped. Returns 0 or -EBADMSG.
 */
int wire_decode(struct record *r, struct str bytes);

#endif
