/* SPDX-License-Identifier: MIT */
#ifndef RECORD_FIELD_H
#define RECORD_FIELD_H
/*
 * fields.def at run time: for code that goes through a record field by field, as
 * the text formats do. Constant, any thread.
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
	bool optional;	   /* zero or empty says that it is not known */
	uint16_t offset;   /* in struct record */
	uint16_t info_end; /* tcp_info fields: present when tcp_info_len >= this; else 0 */
	uint32_t needs;	   /* RECORD_OWNED, RECORD_PACKED_ECN or 0 */
};

/* In ascending number. */
extern const struct record_field record_fields[];
extern const size_t record_field_count;

/* NULL when there is no field of that name (len bytes). */
const struct record_field *record_field_find(const char *name, size_t len);

enum record_section record_field_section(const struct record_field *f);

/* Whether it is known: its section is there, tcp_info reaches that far, and so on. */
bool record_field_present(const struct record *r, const struct record_field *f);

/* The value of a number (TIME as its two's complement) or of a run of bytes; of the right kind only. */
uint64_t record_field_number(const struct record *r, const struct record_field *f);
struct str record_field_bytes(const struct record *r, const struct record_field *f);

/* Whether it is zero or empty: what proto3 does not put on the wire. */
bool record_field_zero(const struct record *r, const struct record_field *f);

/* "ESTABLISHED" for 1; "UNKNOWN" for a number the kernel does not have. Static storage. */
const char *tcp_state_name(uint32_t state);
/* The name in xtcp_flat_record.proto, as proto3 JSON spells it. Static storage. */
const char *record_cc_name(uint32_t cc);

#endif
