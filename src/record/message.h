/* SPDX-License-Identifier: MIT */
#ifndef RECORD_MESSAGE_H
#define RECORD_MESSAGE_H
/*
 * The way back: a record out of its protobuf message, for tools that read what the
 * daemon sent. Not for hot paths: the message is a tree of protobuf-c.
 */
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

struct XtcpFlatRecord__V1__XtcpFlatRecord;

/*
 * Sections are there as inet_diag_attributes says. Texts are borrowed from the
 * message and live as long as it does.
 */
void record_from_message(struct record *r, const struct XtcpFlatRecord__V1__XtcpFlatRecord *m);

/*
 * Calls row() for each record of varint(size) || Envelope. Stops when row() does
 * not return 0 and returns that; -EBADMSG when the bytes are no such thing.
 */
int record_each(const uint8_t *data, size_t len, int (*row)(void *arg, const struct record *r), void *arg);

#endif
