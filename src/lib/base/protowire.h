/* SPDX-License-Identifier: MIT */
#ifndef BASE_PROTOWIRE_H
#define BASE_PROTOWIRE_H
/*
 * Reads the protobuf wire format field by field, borrowing from the input, where a
 * few fields of a message are enough or nothing may be allocated. Safe on any
 * bytes; groups (long obsolete) are refused. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum protowire_type { PROTOWIRE_VARINT = 0, PROTOWIRE_I64 = 1, PROTOWIRE_LEN = 2, PROTOWIRE_I32 = 5 };

struct protowire {
	const uint8_t *p, *end;
	bool bad; /* the input is damaged; set by protowire_next() */
};

struct protowire_field {
	uint32_t number;
	enum protowire_type type;
	uint64_t value;	  /* of VARINT, I64, I32 */
	struct str bytes; /* of LEN */
};

static inline struct protowire protowire_of(struct str bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;

	return (struct protowire){p, p + bytes.len, false};
}

/* Read a varint of at most ten bytes. Return false at the end of the input or when it is damaged. */
static inline bool protowire_varint(struct protowire *r, uint64_t *value)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		uint8_t byte = *r->p++;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value = v;
			return true;
		}
	}
	return false;
}

/* Read a little-endian number of `size` bytes. Return false when the input ends before. */
static inline bool protowire_fixed(struct protowire *r, size_t size, uint64_t *value)
{
	if ((size_t)(r->end - r->p) < size)
		return false;
	*value = 0;
	for (size_t i = 0; i < size; i++)
		*value |= (uint64_t)r->p[i] << (8 * i);
	r->p += size;
	return true;
}

static inline bool protowire_value(struct protowire *r, struct protowire_field *f)
{
	uint64_t len;

	switch (f->type) {
	case PROTOWIRE_VARINT:
		return protowire_varint(r, &f->value);
	case PROTOWIRE_I64:
		return protowire_fixed(r, 8, &f->value);
	case PROTOWIRE_I32:
		return protowire_fixed(r, 4, &f->value);
	case PROTOWIRE_LEN:
		if (!protowire_varint(r, &len) || len > (uint64_t)(r->end - r->p))
			return false;
		f->bytes = (struct str){(const char *)r->p, (uint32_t)len};
		r->p += len;
		return true;
	}
	return false;
}

/* Read the next field. Return false at the end, and with r->bad set when the input is damaged. */
static inline bool protowire_next(struct protowire *r, struct protowire_field *f)
{
	uint64_t tag;

	if (r->bad || r->p == r->end)
		return false;
	if (protowire_varint(r, &tag) && tag >> 3 && tag <= UINT32_MAX) {
		*f = (struct protowire_field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
		if (protowire_value(r, f))
			return true;
	}
	r->bad = true;
	return false;
}

#endif
