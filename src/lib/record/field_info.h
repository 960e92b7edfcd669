/* SPDX-License-Identifier: MIT */
#ifndef RECORD_FIELD_INFO_H
#define RECORD_FIELD_INFO_H
/*
 * The part of fields.def that only people read: unit, short name and meaning of a
 * field, for tables on a terminal, filters and documents. Constant, any thread.
 */
#include "base/buf.h"
#include "record/field.h"

/* In the order of the table of their names. */
enum field_unit {
	FIELD_UNIT_NONE,
	FIELD_UNIT_NS,
	FIELD_UNIT_US,
	FIELD_UNIT_MS,
	FIELD_UNIT_BYTES,
	FIELD_UNIT_BYTES_PER_S,
	FIELD_UNIT_MBIT_PER_S,
	FIELD_UNIT_SEGMENTS,
	FIELD_UNIT_PACKETS,
	FIELD_UNIT_MAX_
};

enum field_unit record_field_unit(const struct record_field *f);
/* "microseconds", "bytes per second"; "" for a plain number or a text. */
const char *field_unit_name(enum field_unit unit);
/* Nanoseconds in one unit of time, 0 for any other unit. */
uint64_t field_unit_ns(enum field_unit unit);

/* "rtt" for tcp_info_rtt; "" for a field that has its long name only. */
const char *record_field_short_name(const struct record_field *f);
/* One sentence without its full stop; names of options and members stand in backticks. */
const char *record_field_meaning(const struct record_field *f);
/* Return true for a field that the schema has and nothing fills. */
bool record_field_reserved(const struct record_field *f);

/* Offer the short and long names of all fields. */
struct suggest;
void record_field_suggest(struct suggest *s);

/* "uint32", "string", "address": the type of the value for people. */
const char *record_field_type(const struct record_field *f);

/* Append the table of `xtcp2 fields`: short and long name, type, unit, meaning. */
void record_fields_print(struct buf *b);

#endif
