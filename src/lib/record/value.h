/* SPDX-License-Identifier: MIT */
#ifndef RECORD_VALUE_H
#define RECORD_VALUE_H
/*
 * Values of record fields from text, the reverse of format.h. Setting a field makes its section present. Pure; safe on any
 * bytes. Internal to the readers of recordings.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "record/field.h"

/* How opaque bytes and addresses are written. */
enum value_style {
	VALUE_PEOPLE, /* addresses as addresses, bytes as hex: jsonl, csv, tsv, text */
	VALUE_PROTO,  /* both as base64: protoJson */
};

/* Return false if the kind of the field does not fit, or the number is too large for it. */
bool value_set_number(struct record *r, const struct record_field *f, uint64_t number);
bool value_set_bytes(struct record *r, const struct record_field *f, struct str bytes);

/*
 * Set the field from its text. Text fields point into `text`; decoded bytes are appended to room, which must have text.len bytes
 * reserved. Return false if the text is no value of the field.
 */
bool value_parse(struct record *r, const struct record_field *f, struct str text, enum value_style style,
		 struct buf *room);

/* Append the text with its C escapes (\n, \t, \r, \\, \", \ooo) resolved. Return false on another escape. */
bool value_unescape(struct buf *b, struct str text);

/* Make the record whole once its fields are set: what readers take from other fields. */
void value_settle(struct record *r);

#endif
