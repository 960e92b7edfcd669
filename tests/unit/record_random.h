/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_RECORD_RANDOM_H
#define TESTS_UNIT_RECORD_RANDOM_H
/* Records of random content, and the same record as a protobuf-c message. */
#include <stdint.h>
#include <stdlib.h>

#include "record/field.h"
#include "xtcp_flat_record/v1/xtcp_flat_record.pb-c.h"

#define RANDOM_STRING_MAX 300 /* lengths of one and two bytes */

/* xorshift64: the same records in every run */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* Return a number of random width, sometimes zero. */
static inline uint64_t random_number(uint64_t *state)
{
	unsigned bits = next_random(state) % 65;

	return bits ? next_random(state) >> (64 - bits) : 0;
}

/* Strings point into `text`, RANDOM_STRING_MAX letters. */
static inline void random_field(struct record *r, const struct record_field *f, const char *text,
				uint64_t *state)
{
	uint8_t *at = (uint8_t *)r + f->offset;
	uint32_t u32 = random_number(state);
	uint64_t u64 = random_number(state);

	switch (f->kind) {
	case FIELD_U32:
	case FIELD_STATE:
		memcpy(at, &u32, sizeof(u32));
		break;
	case FIELD_CC:
		u32 %= RECORD_CC_MAX_;
		memcpy(at, &u32, sizeof(u32));
		break;
	case FIELD_U64:
	case FIELD_TIME:
		memcpy(at, &u64, sizeof(u64));
		break;
	default:
		u32 =
		    next_random(state) % 3 ? next_random(state) % 20 : next_random(state) % RANDOM_STRING_MAX;
		memcpy(at, &(struct str){text, u32}, sizeof(struct str));
	}
}

static inline void random_record(struct record *r, const char *text, uint64_t *state)
{
	for (size_t i = 0; i < record_field_count; i++)
		random_field(r, &record_fields[i], text, state);
	r->sections = next_random(state) & ((UINT32_C(1) << RECORD_SECTION_MAX_) - 1);
}

static inline const ProtobufCFieldDescriptor *schema_field(unsigned number)
{
	return protobuf_c_message_descriptor_get_field(&xtcp_flat_record__v1__xtcp_flat_record__descriptor,
						       number);
}

/* Free with free_message(). */
static inline XtcpFlatRecord__V1__XtcpFlatRecord *message_of(const struct record *r)
{
	XtcpFlatRecord__V1__XtcpFlatRecord *m = malloc(sizeof(*m));

	xtcp_flat_record__v1__xtcp_flat_record__init(m);
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];
		uint8_t *at = (uint8_t *)m + schema_field(f->number)->offset;

		if (!(r->sections >> record_field_section(f) & 1))
			continue;
		if (f->kind == FIELD_STR) {
			struct str s = record_field_bytes(r, f);
			*(char **)at = strndup(s.p, s.len);
		} else if (f->kind == FIELD_BYTES || f->kind == FIELD_ADDR) {
			struct str s = record_field_bytes(r, f);
			*(ProtobufCBinaryData *)at =
			    (ProtobufCBinaryData){s.len, (uint8_t *)strndup(s.p, s.len)};
		} else if (f->kind == FIELD_U64 || f->kind == FIELD_TIME) {
			*(uint64_t *)at = record_field_number(r, f);
		} else {
			*(uint32_t *)at = record_field_number(r, f);
		}
	}
	return m;
}

static inline void free_message(XtcpFlatRecord__V1__XtcpFlatRecord *m)
{
	xtcp_flat_record__v1__xtcp_flat_record__free_unpacked(m, NULL);
}

#endif
