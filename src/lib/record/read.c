/* SPDX-License-Identifier: MIT */
#include "record/read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/protowire.h"
#include "record/field.h"
#include "record/value.h"
#include "record/wire_decode.h"

static const struct reader_ops readers[] = {
    {"protobufList", read_wire},
    {"protoJson", read_proto_json},
    {"protoText", read_proto_text},
    {"jsonl", read_jsonl},
    {"csv", read_csv},
    {"tsv", read_tsv},
    {"text", read_text},
    {"msgpack", read_msgpack},
};

/* Tag of Envelope.row: field 10, a length and that number of bytes. */
#define ROW_TAG (10 << 3 | PROTOWIRE_LEN)

static bool begins(struct str s, const char *text)
{
	return s.len >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

/* Whether a list of names with this separator begins the text, and the first is a field's. */
static bool is_header(struct str s, char separator)
{
	const char *end = memchr(s.p, '\n', s.len), *stop = memchr(s.p, separator, s.len);
	size_t line = end ? (size_t)(end - s.p) : s.len, first = stop ? (size_t)(stop - s.p) : line;

	return end && record_field_find(s.p, first < line ? first : line);
}

const char *read_recognise(struct str s)
{
	struct protowire p = protowire_of(s);
	uint64_t size;

	if (!s.len)
		return NULL;
	if (begins(s, "{\"row\""))
		return "protoJson";
	if (begins(s, "{"))
		return "jsonl";
	if (begins(s, "row {"))
		return "protoText";
	const char *colon = memchr(s.p, ':', s.len);
	if (colon && record_field_find(s.p, (size_t)(colon - s.p)))
		return "text";
	if (is_header(s, '\t') && !is_header(s, ','))
		return "tsv";
	if (is_header(s, ','))
		return "csv";
	if (s.len &&
	    ((uint8_t)s.p[0] == 0xde || (uint8_t)s.p[0] == 0xdf || ((uint8_t)s.p[0] & 0xf0) == 0x80) &&
	    s.len > 4 &&
	    ((uint8_t)s.p[(uint8_t)s.p[0] == 0xde   ? 3
			  : (uint8_t)s.p[0] == 0xdf ? 5
						    : 1] &
	     0xe0) == 0xa0)
		return "msgpack";
	if (protowire_varint(&p, &size) && (!size || (p.p < p.end && *p.p == ROW_TAG)))
		return "protobufList";
	return NULL;
}

bool record_reader_init(struct record_reader *reader, const char *format)
{
	*reader = (struct record_reader){0};
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (!strcasecmp(readers[i].name, format))
			reader->ops = &readers[i];
	return reader->ops;
}

void record_reader_free(struct record_reader *reader)
{
	free(reader->columns);
	buf_free(&reader->room);
	*reader = (struct record_reader){0};
}

void record_reader_names(struct buf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		buf_printf(b, "%s%s", i ? " " : "", readers[i].name);
}

enum read_result record_reader_next(struct record_reader *reader, struct str data, bool end, size_t *used,
				    struct record *r)
{
	*used = 0;
	if (!data.len)
		return READ_MORE;
	buf_reset(&reader->room);
	enum read_result result = reader->ops->next(reader, data, end, used, r);
	/* So much without a record is another format. */
	return result == READ_MORE && data.len > READ_RECORD_MAX ? READ_BAD : result;
}

bool record_reader_complete(const struct record_reader *reader)
{
	return !reader->envelope && !reader->inside;
}

/* An envelope's length, or within an envelope a row. */
enum read_result read_wire(struct record_reader *reader, struct str data, bool end, size_t *used,
			   struct record *r)
{
	struct protowire p = protowire_of(data);
	uint64_t n;

	if (reader->envelope && data.len && (uint8_t)*p.p++ != ROW_TAG)
		return READ_BAD;
	if (!protowire_varint(&p, &n))
		return data.len > 11 ? READ_BAD : READ_MORE;
	size_t head = (size_t)(p.p - (const uint8_t *)data.p);
	if (!reader->envelope) {
		reader->envelope = n;
		*used = head;
		return n > BUF_MAX ? READ_BAD : READ_OTHER;
	}
	if (n > READ_RECORD_MAX || head + n > reader->envelope)
		return READ_BAD;
	if (head + n > data.len)
		return READ_MORE;
	if (wire_decode(r, (struct str){data.p + head, (uint32_t)n}) < 0)
		return READ_BAD;
	*used = head + n;
	reader->envelope -= *used;
	return READ_RECORD;
}
