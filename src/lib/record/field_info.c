/* SPDX-License-Identifier: MIT */
#include "record/field_info.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/suggest.h"

struct info {
	enum field_unit unit;
	const char *short_name, *meaning;
	const char *text; /* of KHAND and KOPT: the meaning of a field that has none of its own */
	bool reserved;
};

#define TEXT_KMEM(member)		 ""
#define TEXT_KINFO(member)		 ""
#define TEXT_KOWN(member)		 ""
#define TEXT_KMEMCAP(member)		 ""
#define TEXT_KCAP(member)		 ""
#define TEXT_KBITS(member, shift, width) ""
#define TEXT_KIDX(index)		 ""
#define TEXT_KVAL(type)			 ""
#define TEXT_KECN(part)			 ""
#define TEXT_KECN7(part)		 ""
#define TEXT_KHAND(text)		 text
#define TEXT_KOPT(text)			 text
#define TEXT_KRSV			 "", .reserved = true

/* A line of fields.def may end before its unit. */
#define INFO(text_, unit_, short_name_, meaning_, ...) \
	{.unit = FIELD_UNIT_##unit_, .short_name = short_name_, .meaning = meaning_, .text = text_},

static const struct info infos[] = {
#define F(number, name, KIND, kernel, ...) INFO(TEXT_##kernel, ##__VA_ARGS__, NONE, "", "", )
    RECORD_FIELDS(F)
#undef F
};

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
    [FIELD_UNIT_NONE] = {"", 0},
    [FIELD_UNIT_NS] = {"nanoseconds", 1},
    [FIELD_UNIT_US] = {"microseconds", 1000},
    [FIELD_UNIT_MS] = {"milliseconds", 1000000},
    [FIELD_UNIT_BYTES] = {"bytes", 0},
    [FIELD_UNIT_BYTES_PER_S] = {"bytes per second", 0},
    [FIELD_UNIT_MBIT_PER_S] = {"Mbit per second", 0},
    [FIELD_UNIT_SEGMENTS] = {"segments", 0},
    [FIELD_UNIT_PACKETS] = {"packets", 0},
};
static_assert(ARRAY_SIZE(units) == FIELD_UNIT_MAX_, "a row for each unit");

static const struct info *info_of(const struct record_field *f)
{
	return &infos[f - record_fields];
}

enum field_unit record_field_unit(const struct record_field *f)
{
	return info_of(f)->unit;
}

const char *field_unit_name(enum field_unit unit)
{
	return units[unit].name;
}

uint64_t field_unit_ns(enum field_unit unit)
{
	return units[unit].ns;
}

const char *record_field_short_name(const struct record_field *f)
{
	return info_of(f)->short_name;
}

const char *record_field_meaning(const struct record_field *f)
{
	const struct info *i = info_of(f);

	return *i->meaning ? i->meaning : i->text;
}

bool record_field_reserved(const struct record_field *f)
{
	return info_of(f)->reserved;
}

void record_field_suggest(struct suggest *s)
{
	for (size_t i = 0; i < record_field_count; i++) {
		const char *name = record_field_short_name(&record_fields[i]);
		if (*name)
			suggest_offer(s, name);
		suggest_offer(s, record_fields[i].name);
	}
}

const char *record_field_type(const struct record_field *f)
{
	static const char *const types[] = {
	    [FIELD_U32] = "uint32",   [FIELD_U64] = "uint64",  [FIELD_TIME] = "int64",
	    [FIELD_STR] = "string",   [FIELD_BYTES] = "bytes", [FIELD_ADDR] = "address",
	    [FIELD_STATE] = "uint32", [FIELD_CC] = "enum",
	};
	static_assert(ARRAY_SIZE(types) == FIELD_CC + 1, "a type for each kind of field");

	return types[f->kind];
}

void record_fields_print(struct buf *b)
{
	buf_printf(b, "%-15s %-37s %-7s %-16s %s\n", "SHORT", "FIELD", "TYPE", "UNIT", "MEANING");
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];

		buf_printf(b, "%-15s %-37s %-7s %-16s %s", record_field_short_name(f), f->name,
			   record_field_type(f), field_unit_name(record_field_unit(f)),
			   record_field_reserved(f) ? "reserved, not filled: " : "");
		for (const char *p = record_field_meaning(f); *p; p++) {
			if (*p != '`')
				buf_byte(b, (uint8_t)*p);
		}
		buf_byte(b, '\n');
	}
}
