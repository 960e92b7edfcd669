/* SPDX-License-Identifier: MIT */
#ifndef RECORD_FIELD_H
#define RECORD_FIELD_H
/*
 * fields.def at run time, for code that iterates over the fields of a record, such as
 * the text formats. Constant, any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

enum field_kind {
	FIELD_U32,
	FIELD_U64,
	FIELD_TIME,
	FIELD_STR,
	FIELD_BYTES,
	FIELD_ADDR,
	FIELD_STATE,
	FIELD_CC
};

struct record_field {
	const char *name;
	uint32_t number;
	enum field_kind kind;
	bool optional;	   /* zero or empty means unknown */
	uint16_t offset;   /* in struct record */
	uint16_t info_end; /* tcp_info fields: present when tcp_info_len >= this; else 0 */
	uint32_t needs;	   /* RECORD_OWNED, RECORD_PACKED_ECN or 0 */
};

/* In ascending number. */
extern const struct record_field record_fields[];
extern const size_t record_field_count;

/* Return the field's name in the JSON of protobuf: "tcpInfoRtt" for tcp_info_rtt. Static storage. */
const char *record_field_json_name(const struct record_field *f);
/* Find a field by its name, its JSON name or its short name (len bytes). NULL for an unknown name. */
const struct record_field *record_field_find(const char *name, size_t len);

enum record_section record_field_section(const struct record_field *f);

/* Return true when the field is known: its section is present, tcp_info is long enough, and so on. */
bool record_field_present(const struct record *r, const struct record_field *f);

/* The value of a number (TIME as its two's complement) or of a run of bytes; of the right kind only. */
uint64_t record_field_number(const struct record *r, const struct record_field *f);
struct str record_field_bytes(const struct record *r, const struct record_field *f);

/* Return true when the field is zero or empty, which proto3 does not put on the wire. */
bool record_field_zero(const struct record *r, const struct record_field *f);

/* "ESTABLISHED" for 1; "UNKNOWN" for a number the kernel does not have. Static storage. */
const char *tcp_state_name(uint32_t state);
/* The name in xtcp_flat_record.proto, as proto3 JSON spells it. Static storage. */
const char *record_cc_name(uint32_t cc);

#endif
