/* SPDX-License-Identifier: MIT */
#include "clickhouse/native.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Types within types. */
#define DEPTH_MAX 32
/* A name of a type is not longer; an Enum lists its values. */
#define TYPE_MAX  (1 << 20)

/* What precedes a block: field 1, no overflow rows; field 2, bucket -1; end (BlockInfo of ClickHouse). */
static const uint8_t block_info[] = {1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0};

/* LowCardinality: the low byte has the width of the indexes, these bits what is there. */
#define LOW_CARDINALITY_SHARED (UINT64_C(1) << 8)
#define LOW_CARDINALITY_KEYS   (UINT64_C(1) << 9)

enum fault { FAULT_NONE, FAULT_CUT, FAULT_BAD, FAULT_TYPE };

/* A block on its way; after a fault every step is refused. */
struct walk {
	const uint8_t *p;
	size_t len, at;
	enum fault fault;
	struct str type; /* of FAULT_TYPE */
};

static bool fail(struct walk *w, enum fault fault)
{
	if (!w->fault)
		w->fault = fault;
	return false;
}

static bool skip(struct walk *w, uint64_t n)
{
	if (n > w->len - w->at)
		return fail(w, FAULT_CUT);
	w->at += n;
	return true;
}

/* Skip `rows` values of `size` bytes. */
static bool skip_values(struct walk *w, uint64_t rows, uint64_t size)
{
	/* More than the block can have: the product does not overflow. */
	if (rows > UINT32_MAX || size > UINT32_MAX)
		return fail(w, FAULT_BAD);
	return skip(w, rows * size);
}

static bool read_varint(struct walk *w, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (w->at == w->len)
			return fail(w, FAULT_CUT);
		uint8_t byte = w->p[w->at++];
		*v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return fail(w, FAULT_BAD);
}

static bool read_u64(struct walk *w, uint64_t *v)
{
	if (!skip(w, sizeof(*v)))
		return false;
	memcpy(v, w->p + w->at - sizeof(*v), sizeof(*v));
	*v = le64toh(*v);
	return true;
}

static bool read_text(struct walk *w, struct str *text)
{
	uint64_t len;

	if (!read_varint(w, &len))
		return false;
	if (len > TYPE_MAX)
		return fail(w, FAULT_BAD);
	*text = (struct str){(const char *)w->p + w->at, (uint32_t)len};
	return skip(w, len);
}

/* "Array(String)": name "Array", arguments "String". */
struct type {
	struct str name, arguments;
};

static struct type type_of(struct str text)
{
	const char *open = text.len ? memchr(text.p, '(', text.len) : NULL;

	if (!open || text.p[text.len - 1] != ')')
		return (struct type){.name = text};
	uint32_t at = (uint32_t)(open - text.p);
	return (struct type){{text.p, at}, {open + 1, text.len - at - 2}};
}

static bool is(struct str s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

/* Return where `wanted` stands first outside of parentheses, quotes and backquotes; text.len for nowhere. */
static uint32_t find_outside(struct str text, char wanted)
{
	unsigned depth = 0;
	char quote = 0;

	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		if (quote) {
			if (c == '\\')
				i++;
			else if (c == quote)
				quote = 0;
		} else if (c == wanted && depth == 0) {
			return i;
		} else if (c == '\'' || c == '`') {
			quote = c;
		} else if (c == '(') {
			depth++;
		} else if (c == ')') {
			depth--;
		}
	}
	return text.len;
}

/* Take the next argument from *rest. false when there is none. */
static bool next_argument(struct str *rest, struct str *argument)
{
	while (rest->len && *rest->p == ' ')
		rest->p++, rest->len--;
	if (!rest->len)
		return false;
	uint32_t end = find_outside(*rest, ',');
	*argument = (struct str){rest->p, end};
	uint32_t taken = end < rest->len ? end + 1 : end;
	rest->p += taken;
	rest->len -= taken;
	return true;
}

/* The type of an element of a tuple, which may have a name before it. */
static struct str element_type(struct str element)
{
	uint32_t at = find_outside(element, ' ');

	if (at == element.len)
		return element;
	return (struct str){element.p + at + 1, element.len - at - 1};
}

static struct str last_argument(struct str arguments)
{
	struct str argument = {"", 0};

	while (next_argument(&arguments, &argument))
		;
	return argument;
}

/* Types of a fixed number of bytes per value. */
static const struct {
	const char *name;
	uint32_t bytes;
} fixed[] = {
    {"UInt8", 1},	{"UInt16", 2},	    {"UInt32", 4},  {"UInt64", 8},    {"UInt128", 16},
    {"UInt256", 32},	{"Int8", 1},	    {"Int16", 2},   {"Int32", 4},     {"Int64", 8},
    {"Int128", 16},	{"Int256", 32},	    {"Float32", 4}, {"Float64", 8},   {"BFloat16", 2},
    {"Bool", 1},	{"Date", 2},	    {"Date32", 4},  {"DateTime", 4},  {"DateTime64", 8},
    {"Time", 4},	{"Time64", 8},	    {"Enum8", 1},   {"Enum16", 2},    {"UUID", 16},
    {"IPv4", 4},	{"IPv6", 16},	    {"Nothing", 1}, {"Decimal32", 4}, {"Decimal64", 8},
    {"Decimal128", 16}, {"Decimal256", 32},
};

static uint32_t number_of(struct str text)
{
	char digits[12];
	size_t len = strcspn(text.len ? text.p : "", ", )");

	if (len > text.len)
		len = text.len;
	if (len == 0 || len >= sizeof(digits))
		return 0;
	memcpy(digits, text.p, len);
	digits[len] = '\0';
	return (uint32_t)strtoul(digits, NULL, 10);
}

static uint32_t decimal_bytes(uint32_t precision)
{
	return precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;
}

/* Return the bytes of a value, 0 for a type that has no fixed number. */
static uint32_t fixed_bytes(const struct type *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (is(t->name, fixed[i].name))
			return fixed[i].bytes;
	if (is(t->name, "FixedString"))
		return number_of(t->arguments);
	if (is(t->name, "Decimal"))
		return decimal_bytes(number_of(t->arguments));
	if (t->name.len > 8 && memcmp(t->name.p, "Interval", 8) == 0)
		return 8;
	return 0;
}

static bool is_tuple(const struct type *t)
{
	return is(t->name, "Tuple") || is(t->name, "Map") || is(t->name, "Nested");
}

/* What precedes the values of all of a column: LowCardinality says its version. */
static bool skip_prefix(struct walk *w, struct str text, unsigned depth)
{
	struct type t = type_of(text);
	struct str rest = t.arguments, argument;

	if (depth == DEPTH_MAX)
		return fail(w, FAULT_BAD);
	if (is(t.name, "LowCardinality"))
		return skip(w, sizeof(uint64_t));
	if (is(t.name, "Array") || is(t.name, "Nullable") || is(t.name, "SimpleAggregateFunction"))
		return skip_prefix(w, last_argument(t.arguments), depth + 1);
	while (is_tuple(&t) && next_argument(&rest, &argument))
		if (!skip_prefix(w, element_type(argument), depth + 1))
			return false;
	return true;
}

static bool skip_column(struct walk *w, struct str text, uint64_t rows, unsigned depth);

static bool skip_strings(struct walk *w, uint64_t rows)
{
	uint64_t len;

	for (uint64_t i = 0; i < rows; i++)
		if (!read_varint(w, &len) || !skip(w, len))
			return false;
	return true;
}

static bool skip_low_cardinality(struct walk *w, struct str nested, uint64_t rows, unsigned depth)
{
	struct type t = type_of(nested);
	uint64_t flags, keys, indexes;

	if (is(t.name, "Nullable"))
		nested = t.arguments;
	if (!read_u64(w, &flags))
		return false;
	if (flags & LOW_CARDINALITY_SHARED || (flags & 0xff) > 3)
		return fail(w, FAULT_BAD);
	if (flags & LOW_CARDINALITY_KEYS && (!read_u64(w, &keys) || !skip_column(w, nested, keys, depth + 1)))
		return false;
	if (!read_u64(w, &indexes))
		return false;
	return indexes == rows ? skip_values(w, rows, UINT64_C(1) << (flags & 0xff)) : fail(w, FAULT_BAD);
}

static bool skip_tuple(struct walk *w, struct str elements, uint64_t rows, unsigned depth)
{
	struct str argument;

	while (next_argument(&elements, &argument))
		if (!skip_column(w, element_type(argument), rows, depth + 1))
			return false;
	return true;
}

/* Skip the end of each row, and return the last one: the number of all elements. */
static bool skip_offsets(struct walk *w, uint64_t rows, uint64_t *elements)
{
	if (!skip_values(w, rows - 1, sizeof(uint64_t)))
		return false;
	return read_u64(w, elements);
}

/* Skip the values of `rows` rows, at least one. */
static bool skip_column(struct walk *w, struct str text, uint64_t rows, unsigned depth)
{
	struct type t = type_of(text);
	uint64_t elements;

	if (rows == 0)
		return true;
	if (depth == DEPTH_MAX)
		return fail(w, FAULT_BAD);
	if (fixed_bytes(&t))
		return skip_values(w, rows, fixed_bytes(&t));
	if (is(t.name, "String"))
		return skip_strings(w, rows);
	if (is(t.name, "Nullable"))
		return skip_values(w, rows, 1) && skip_column(w, t.arguments, rows, depth + 1);
	if (is(t.name, "LowCardinality"))
		return skip_low_cardinality(w, t.arguments, rows, depth);
	if (is(t.name, "SimpleAggregateFunction"))
		return skip_column(w, last_argument(t.arguments), rows, depth + 1);
	if (is(t.name, "Tuple"))
		return skip_tuple(w, t.arguments, rows, depth);
	if (is(t.name, "Array"))
		return skip_offsets(w, rows, &elements) && skip_column(w, t.arguments, elements, depth + 1);
	if (is_tuple(&t)) /* Map and Nested: an array of tuples */
		return skip_offsets(w, rows, &elements) && skip_tuple(w, t.arguments, elements, depth);
	w->type = text;
	return fail(w, FAULT_TYPE);
}

/* Append the block at w->at, and move beyond it. Nothing stays appended after a fault. */
static bool convert(struct walk *w, uint32_t version, struct buf *out)
{
	static const uint8_t usual = 0; /* the serialization of the type itself */
	uint64_t columns, rows;
	struct str name, type;
	size_t begin = out->len, from = w->at;

	buf_append(out, block_info, sizeof(block_info));
	if (!read_varint(w, &columns) || !read_varint(w, &rows))
		columns = 0;
	for (uint64_t i = 0; i < columns && !w->fault; i++) {
		if (!read_text(w, &name) || !read_text(w, &type))
			break;
		buf_append(out, w->p + from, w->at - from);
		if (version >= NATIVE_CUSTOM_SERIALIZATION)
			buf_append(out, &usual, sizeof(usual));
		from = w->at;
		if (rows > 0 && type.len > 0 && skip_prefix(w, type, 0))
			skip_column(w, type, rows, 0);
	}
	if (w->fault) {
		out->len = begin;
		return false;
	}
	buf_append(out, w->p + from, w->at - from);
	return true;
}

int native_push(struct native *n, const void *data, size_t len, struct buf *out, struct str *type)
{
	buf_append(&n->in, data, len);
	struct walk w = {.p = n->in.data, .len = n->in.len};
	size_t whole = 0;

	while (w.at < w.len && convert(&w, n->version, out))
		whole = w.at;
	*type = w.type;
	if (w.fault == FAULT_TYPE)
		return -ENOTSUP;
	if (w.fault == FAULT_BAD || !buf_ok(&n->in))
		return -EBADMSG;
	buf_consume(&n->in, whole);
	return 0;
}

bool native_complete(const struct native *n)
{
	return n->in.len == 0;
}

void native_free(struct native *n)
{
	buf_free(&n->in);
}
