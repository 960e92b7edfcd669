/* SPDX-License-Identifier: MIT */
#include "record/field.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/field_info.h"
#include "record/kernel_abi.h"

/* The source of a value decides when the field is present: see fields.def. */
/* Releases of clang-format differ over these. */
/* clang-format off */
#define INFO_END(member)		 offsetof(struct abi_tcp_info, member) + sizeof(((struct abi_tcp_info *)0)->member)
#define FROM_KMEM(member)		 0
#define FROM_KIDX(index)		 0
#define FROM_KVAL(type)			 0
#define FROM_KHAND(text)		 0
#define FROM_KOWN(member)		 0, .needs = RECORD_OWNED
#define FROM_KMEMCAP(member)		 0, .optional = true
#define FROM_KINFO(member)		 INFO_END(member)
#define FROM_KCAP(member)		 INFO_END(member), .optional = true
#define FROM_KBITS(member, shift, width) INFO_END(member)
#define FROM_KECN(part)			 INFO_END(tcpi_ecn)
#define FROM_KECN7(part)		 INFO_END(tcpi_ecn), .needs = RECORD_PACKED_ECN
#define FROM_KOPT(text)			 0, .optional = true
#define FROM_KRSV			 0, .optional = true
/* clang-format on */

const struct record_field record_fields[] = {
#define F(number_, name_, KIND, kernel, ...)       \
	{.name = #name_,                           \
	 .number = number_,                        \
	 .kind = FIELD_##KIND,                     \
	 .offset = offsetof(struct record, name_), \
	 .info_end = FROM_##kernel},
    RECORD_FIELDS(F)
#undef F
};
const size_t record_field_count = ARRAY_SIZE(record_fields);

/* The index of each section's first and last field. */
enum {
#define ONE(...)      +1
#define S(name, attr) FIRST_##name, LAST_##name = FIRST_##name - 1 RECORD_FIELDS_##name(ONE),
	RECORD_SECTIONS(S)
#undef S
#undef ONE
};

static const uint8_t section_of[] = {
#define S(name, attr) [FIRST_##name... LAST_##name] = RECORD_SECTION_##name,
    RECORD_SECTIONS(S)
#undef S
};
static_assert(ARRAY_SIZE(section_of) == ARRAY_SIZE(record_fields), "every field is in a section");

static bool is_name(const char *text, const char *name, size_t len)
{
	return strlen(text) == len && memcmp(text, name, len) == 0;
}

/* Longer than any name. */
#define JSON_NAME_MAX 64

static char json_names[ARRAY_SIZE(record_fields)][JSON_NAME_MAX];

static void json_names_fill(void)
{
	for (size_t i = 0; i < record_field_count; i++) {
		bool upper = false;
		size_t n = 0;

		for (const char *p = record_fields[i].name; *p && n < JSON_NAME_MAX - 1; p++) {
			if (*p != '_')
				json_names[i][n++] = (char)(upper ? toupper((unsigned char)*p) : *p);
			upper = *p == '_';
		}
	}
}

const char *record_field_json_name(const struct record_field *f)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, json_names_fill);
	return json_names[f - record_fields];
}

const struct record_field *record_field_find(const char *name, size_t len)
{
	for (size_t i = 0; i < record_field_count && len > 0; i++) {
		const struct record_field *f = &record_fields[i];

		if (is_name(f->name, name, len) || is_name(record_field_short_name(f), name, len) ||
		    is_name(record_field_json_name(f), name, len))
			return f;
	}
	return NULL;
}

enum record_section record_field_section(const struct record_field *f)
{
	return section_of[f - record_fields];
}

bool record_field_present(const struct record *r, const struct record_field *f)
{
	uint32_t needs = f->needs | UINT32_C(1) << section_of[f - record_fields];

	if ((r->sections & needs) != needs || (f->info_end && r->tcp_info_len < f->info_end))
		return false;
	return !f->optional || !record_field_zero(r, f);
}

uint64_t record_field_number(const struct record *r, const struct record_field *f)
{
	const uint8_t *at = (const uint8_t *)r + f->offset;
	uint32_t u32;
	uint64_t u64;

	if (f->kind == FIELD_U64 || f->kind == FIELD_TIME) {
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
	memcpy(&u32, at, sizeof(u32));
	return u32;
}

struct str record_field_bytes(const struct record *r, const struct record_field *f)
{
	struct str s;

	memcpy(&s, (const uint8_t *)r + f->offset, sizeof(s));
	return s;
}

bool record_field_zero(const struct record *r, const struct record_field *f)
{
	switch (f->kind) {
	case FIELD_STR:
	case FIELD_BYTES:
	case FIELD_ADDR:
		return !record_field_bytes(r, f).len;
	default:
		return !record_field_number(r, f);
	}
}

const char *tcp_state_name(uint32_t state)
{
	/* include/net/tcp_states.h */
	static const char *const names[] = {
	    "UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",	   "TIME_WAIT",
	    "CLOSE",   "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV", "BOUND_INACTIVE",
	};

	return names[state < ARRAY_SIZE(names) ? state : 0];
}

const char *record_cc_name(uint32_t cc)
{
	static const char *const names[] = {
#define CC(name) [RECORD_CC_##name] = "CONGESTION_ALGORITHM_" #name
	    CC(UNSPECIFIED), CC(CUBIC), CC(DCTCP), CC(VEGAS), CC(PRAGUE), CC(BBR1), CC(BBR2), CC(BBR3),
#undef CC
	};
	static_assert(ARRAY_SIZE(names) == RECORD_CC_MAX_, "a name for each algorithm");

	return names[cc < RECORD_CC_MAX_ ? cc : RECORD_CC_UNSPECIFIED];
}
