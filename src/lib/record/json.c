/* SPDX-License-Identifier: MIT */
#include "record/json.h"

#include "record/format.h"

#define ENVELOPE_OPEN  "{\"row\":["
#define ENVELOPE_CLOSE "]}\n"

static void jsonl_value(struct buf *b, const struct record *r, const struct record_field *f)
{
	switch (f->kind) {
	case FIELD_U32:
	case FIELD_U64:
		format_u64(b, record_field_number(r, f));
		break;
	case FIELD_TIME:
		buf_printf(b, "%lld", (long long)record_field_number(r, f));
		break;
	case FIELD_STR:
		format_json_string(b, record_field_bytes(r, f));
		break;
	default:
		buf_byte(b, '"');
		format_field(b, r, f);
		buf_byte(b, '"');
	}
}

void jsonl_begin(struct encoder *e, struct buf *b)
{
	e->start = b->len;
}

void jsonl_row(struct encoder *e, struct buf *b, const struct record *r)
{
	char separator = '{';

	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];

		if (!record_field_present(r, f))
			continue;
		buf_byte(b, separator);
		buf_byte(b, '"');
		buf_str(b, encoder_field_name(e, f));
		buf_append(b, "\":", 2);
		jsonl_value(b, r, f);
		separator = ',';
	}
	buf_str(b, separator == '{' ? "{}\n" : "}\n");
}

void jsonl_end(struct encoder *e, struct buf *b)
{
}

static void proto_json_value(struct buf *b, const struct record *r, const struct record_field *f)
{
	switch (f->kind) {
	case FIELD_U32:
	case FIELD_STATE:
		format_u64(b, record_field_number(r, f));
		break;
	case FIELD_U64:
		buf_byte(b, '"');
		format_u64(b, record_field_number(r, f));
		buf_byte(b, '"');
		break;
	case FIELD_TIME:
		buf_printf(b, "\"%lld\"", (long long)record_field_number(r, f));
		break;
	case FIELD_STR:
		format_json_string(b, record_field_bytes(r, f));
		break;
	case FIELD_BYTES:
	case FIELD_ADDR:
		buf_byte(b, '"');
		format_base64(b, record_field_bytes(r, f));
		buf_byte(b, '"');
		break;
	case FIELD_CC:
		buf_byte(b, '"');
		buf_str(b, record_cc_name(record_field_number(r, f)));
		buf_byte(b, '"');
		break;
	}
}

void proto_json_begin(struct encoder *e, struct buf *b)
{
	e->start = b->len;
	buf_str(b, ENVELOPE_OPEN);
}

void proto_json_row(struct encoder *e, struct buf *b, const struct record *r)
{
	char separator = '{';

	if (b->len > e->start + strlen(ENVELOPE_OPEN))
		buf_byte(b, ',');
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];

		if (!record_field_present(r, f) || record_field_zero(r, f))
			continue;
		buf_byte(b, separator);
		buf_byte(b, '"');
		buf_str(b, record_field_json_name(f));
		buf_append(b, "\":", 2);
		proto_json_value(b, r, f);
		separator = ',';
	}
	buf_str(b, separator == '{' ? "{}" : "}");
}

void proto_json_end(struct encoder *e, struct buf *b)
{
	buf_str(b, ENVELOPE_CLOSE);
}
