/* SPDX-License-Identifier: MIT */
#include "record/wire_decode.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/protowire.h"
#include "record/field.h"
#include "record/kernel_abi.h"

/* The attribute that brings each section; INET_DIAG_NONE: always present. */
static const uint8_t section_attribute[] = {
#define S(name, attr) [RECORD_SECTION_##name] = INET_DIAG_##attr,
    RECORD_SECTIONS(S)
#undef S
};
static_assert(ARRAY_SIZE(section_attribute) == RECORD_SECTION_MAX_, "an attribute for each section");

/* Field number of Envelope.row. */
#define ENVELOPE_ROW 10

/* Our encoder writes fields in ascending number: each search continues where the last one ended. */
static const struct record_field *field_of(size_t *cursor, uint32_t number)
{
	size_t i = *cursor;

	if (i == record_field_count || record_fields[i].number > number)
		i = 0;
	while (i < record_field_count && record_fields[i].number < number)
		i++;
	*cursor = i;
	return i < record_field_count && record_fields[i].number == number ? &record_fields[i] : NULL;
}

/* false when the wire type does not fit the field. */
static bool field_set(struct record *r, const struct record_field *f, const struct protowire_field *w)
{
	uint8_t *at = (uint8_t *)r + f->offset;
	bool bytes = f->kind == FIELD_STR || f->kind == FIELD_BYTES || f->kind == FIELD_ADDR;
	uint32_t u32 = (uint32_t)w->value;

	if (w->type != (bytes ? PROTOWIRE_LEN : PROTOWIRE_VARINT))
		return false;
	if (bytes)
		memcpy(at, &w->bytes, sizeof(w->bytes));
	else if (f->kind == FIELD_U64 || f->kind == FIELD_TIME)
		memcpy(at, &w->value, sizeof(w->value));
	else
		memcpy(at, &u32, sizeof(u32));
	r->sections |= f->needs | UINT32_C(1) << record_field_section(f);
	return true;
}

int wire_decode(struct record *r, struct str bytes)
{
	struct protowire reader = protowire_of(bytes);
	struct protowire_field w;
	size_t cursor = 0;

	memset(r, 0, sizeof(*r));
	while (protowire_next(&reader, &w)) {
		const struct record_field *f = field_of(&cursor, w.number);
		if (f && !field_set(r, f, &w))
			return -EBADMSG;
	}
	if (reader.bad)
		return -EBADMSG;
	for (size_t i = 0; i < RECORD_SECTION_MAX_; i++) {
		uint8_t attribute = section_attribute[i];
		if (attribute == INET_DIAG_NONE || r->inet_diag_attributes >> attribute & 1)
			r->sections |= UINT32_C(1) << i;
	}
	/* Attributes that the daemon was told to leave out are named as well;
	 * tcp_info always brings its length. */
	if (r->tcp_info_len == 0 && r->tcp_info_state == 0)
		r->sections &= ~RECORD_HAS(TCP_INFO);
	else if (r->tcp_info_len == 0)
		r->tcp_info_len = sizeof(struct abi_tcp_info); /* from a daemon that does not send it */
	return 0;
}

struct envelope_reader envelope_of(struct str body)
{
	struct envelope_reader e = {.fields = protowire_of(body)};
	uint64_t size;

	e.bad = !protowire_varint(&e.fields, &size) || size != (uint64_t)(e.fields.end - e.fields.p);
	return e;
}

bool envelope_next(struct envelope_reader *e, struct record *r)
{
	struct protowire_field field;

	while (!e->bad && protowire_next(&e->fields, &field)) {
		if (field.number != ENVELOPE_ROW || field.type != PROTOWIRE_LEN)
			continue;
		e->bad = wire_decode(r, field.bytes) < 0;
		return !e->bad;
	}
	e->bad |= e->fields.bad;
	return false;
}
