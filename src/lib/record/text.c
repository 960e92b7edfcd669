/* SPDX-License-Identifier: MIT */
#include "record/text.h"

#include "record/format.h"

static size_t column_count(const struct encoder *e)
{
	return e->columns ? e->column_count : record_field_count;
}

static const struct record_field *column(const struct encoder *e, size_t i)
{
	return &record_fields[e->columns ? e->columns[i] : i];
}

static void table_begin(struct encoder *e, struct buf *b, char separator)
{
	e->start = b->len;
	if (e->header_done)
		return;
	e->header_done = true;
	for (size_t i = 0; i < column_count(e); i++) {
		if (i)
			buf_byte(b, separator);
		buf_str(b, encoder_field_name(e, column(e, i)));
	}
	buf_byte(b, '\n');
}

static void csv_string(struct buf *b, struct str s)
{
	bool quote = false;

	for (uint32_t i = 0; i < s.len && !quote; i++)
		quote = strchr(",\"\r\n", s.p[i]) && s.p[i];
	if (!quote) {
		buf_append(b, s.p, s.len);
		return;
	}
	buf_byte(b, '"');
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			buf_byte(b, '"');
		buf_byte(b, s.p[i]);
	}
	buf_byte(b, '"');
}

/* Strings of tsv, text and protoText: control characters as C escapes, so that a value is one line. */
static void escaped_string(struct buf *b, struct str s, bool quotes, bool ascii)
{
	for (uint32_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c == '\t')
			buf_str(b, "\\t");
		else if (c == '\n')
			buf_str(b, "\\n");
		else if (c == '\r')
			buf_str(b, "\\r");
		else if (c == '\\' || (quotes && c == '"')) {
			buf_byte(b, '\\');
			buf_byte(b, c);
		} else if (c < 0x20 || c == 0x7f || (ascii && c >= 0x80))
			buf_printf(b, "\\%03o", c);
		else
			buf_byte(b, c);
	}
}

static void table_row(struct encoder *e, struct buf *b, const struct record *r, char separator,
		      void (*string)(struct buf *, struct str))
{
	for (size_t i = 0; i < column_count(e); i++) {
		const struct record_field *f = column(e, i);

		if (i)
			buf_byte(b, separator);
		if (!record_field_present(r, f))
			continue;
		if (f->kind == FIELD_STR)
			string(b, record_field_bytes(r, f));
		else
			format_field(b, r, f);
	}
	buf_byte(b, '\n');
}

static void line_string(struct buf *b, struct str s)
{
	escaped_string(b, s, false, false);
}

void csv_begin(struct encoder *e, struct buf *b)
{
	table_begin(e, b, ',');
}

void csv_row(struct encoder *e, struct buf *b, const struct record *r)
{
	table_row(e, b, r, ',', csv_string);
}

void tsv_begin(struct encoder *e, struct buf *b)
{
	table_begin(e, b, '\t');
}

void tsv_row(struct encoder *e, struct buf *b, const struct record *r)
{
	table_row(e, b, r, '\t', line_string);
}

void text_begin(struct encoder *e, struct buf *b)
{
	e->start = b->len;
}

void text_row(struct encoder *e, struct buf *b, const struct record *r)
{
	for (size_t i = 0; i < column_count(e); i++) {
		const struct record_field *f = column(e, i);

		if (!record_field_present(r, f))
			continue;
		buf_str(b, encoder_field_name(e, f));
		buf_append(b, ": ", 2);
		if (f->kind == FIELD_STR)
			line_string(b, record_field_bytes(r, f));
		else
			format_field(b, r, f);
		buf_byte(b, '\n');
	}
	buf_byte(b, '\n');
}

void proto_text_row(struct encoder *e, struct buf *b, const struct record *r)
{
	buf_str(b, "row {\n");
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];

		if (!record_field_present(r, f) || record_field_zero(r, f))
			continue;
		buf_append(b, "  ", 2);
		buf_str(b, f->name);
		buf_append(b, ": ", 2);
		if (f->kind == FIELD_STR || f->kind == FIELD_BYTES || f->kind == FIELD_ADDR) {
			buf_byte(b, '"');
			escaped_string(b, record_field_bytes(r, f), true, f->kind != FIELD_STR);
			buf_byte(b, '"');
		} else if (f->kind == FIELD_CC) {
			format_field(b, r, f);
		} else if (f->kind == FIELD_TIME) {
			buf_printf(b, "%lld", (long long)record_field_number(r, f));
		} else {
			format_u64(b, record_field_number(r, f));
		}
		buf_byte(b, '\n');
	}
	buf_str(b, "}\n");
}

void text_end(struct encoder *e, struct buf *b)
{
}
