/* SPDX-License-Identifier: MIT */
/* Readers of jsonl and protoJson. The object of a record is flat: names, and numbers, texts, booleans or null. */
#include <string.h>

#include "record/field.h"
#include "record/read.h"
#include "record/value.h"

struct json {
	const char *p, *end;
};

static void skip_blanks(struct json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\r' || *j->p == '\n'))
		j->p++;
}

/* Skip blanks and one character. Return false if it is another one. */
static bool take(struct json *j, char c)
{
	skip_blanks(j);
	if (j->p == j->end || *j->p != c)
		return false;
	j->p++;
	return true;
}

static int hex4(struct json *j)
{
	int n = 0;

	for (int i = 0; i < 4; i++) {
		if (j->p == j->end)
			return -1;
		char c = *j->p++;
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		n = n << 4 | digit;
	}
	return n;
}

static void append_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_byte(b, (uint8_t)c);
	} else if (c < 0x800) {
		buf_byte(b, (uint8_t)(0xc0 | c >> 6));
		buf_byte(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_byte(b, (uint8_t)(0xe0 | c >> 12));
		buf_byte(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_byte(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		buf_byte(b, (uint8_t)(0xf0 | c >> 18));
		buf_byte(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		buf_byte(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_byte(b, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

/* \u, a pair of surrogates included; a lone one becomes U+FFFD. */
static bool take_unicode(struct json *j, struct buf *b)
{
	int c = hex4(j), low;

	if (c >= 0xd800 && c < 0xdc00 && j->end - j->p > 6 && j->p[0] == '\\' && j->p[1] == 'u') {
		j->p += 2;
		low = hex4(j);
		if (low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	if (c < 0)
		return false;
	append_utf8(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : (uint32_t)c);
	return true;
}

/* A text, behind its first quote. It points into the input where it has no escape, else into room. */
static bool take_text(struct json *j, struct buf *room, struct str *text)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *begin = j->p;
	size_t start = room->len;

	while (j->p < j->end && *j->p != '"' && *j->p != '\\')
		j->p++;
	*text = (struct str){begin, (uint32_t)(j->p - begin)};
	if (j->p < j->end && *j->p == '"') {
		j->p++;
		return true;
	}
	buf_append(room, text->p, text->len);
	while (j->p < j->end && *j->p != '"') {
		char c = *j->p++;
		if (c != '\\') {
			buf_byte(room, (uint8_t)c);
			continue;
		}
		c = j->p < j->end ? *j->p++ : '\0';
		const char *letter = c ? strchr(letters, c) : NULL;
		if (letter)
			buf_byte(room, (uint8_t)bytes[letter - letters]);
		else if (c != 'u' || !take_unicode(j, room))
			return false;
	}
	if (j->p == j->end || !buf_ok(room))
		return false;
	j->p++;
	*text = (struct str){(const char *)room->data + start, (uint32_t)(room->len - start)};
	return true;
}

/* A number, true, false or null, up to the next comma, brace or blank. */
static struct str take_word(struct json *j)
{
	const char *begin = j->p;

	while (j->p < j->end && !strchr(",}] \t\r\n", *j->p))
		j->p++;
	return (struct str){begin, (uint32_t)(j->p - begin)};
}

static bool take_member(struct json *j, struct record *r, enum value_style style, struct buf *room)
{
	struct str name, value;

	if (!take(j, '"') || !take_text(j, room, &name) || !take(j, ':'))
		return false;
	bool is_text = take(j, '"');
	if (is_text && !take_text(j, room, &value))
		return false;
	if (!is_text)
		value = take_word(j);
	bool null = !is_text && value.len == 4 && memcmp(value.p, "null", 4) == 0;
	const struct record_field *f = record_field_find(name.p, name.len);
	/* A field of a newer version is skipped. */
	return (is_text || value.len) && (null || !f || value_parse(r, f, value, style, room));
}

/* One whole object. */
static bool parse_object(struct str text, struct record *r, enum value_style style, struct buf *room)
{
	struct json j = {text.p, text.p + text.len};

	memset(r, 0, sizeof(*r));
	/* Decoded texts are no longer than the object: room does not move while the record points into it. */
	if (!buf_reserve(room, text.len) || !take(&j, '{'))
		return false;
	if (!take(&j, '}')) {
		do {
			if (!take_member(&j, r, style, room))
				return false;
		} while (take(&j, ','));
		if (!take(&j, '}'))
			return false;
	}
	skip_blanks(&j);
	value_settle(r);
	return j.p == j.end;
}

enum read_result read_jsonl(struct record_reader *reader, struct str data, bool end, size_t *used,
			    struct record *r)
{
	const char *newline = memchr(data.p, '\n', data.len);
	struct str line = {data.p, newline ? (uint32_t)(newline - data.p) : data.len};

	if (!newline && (!end || !data.len))
		return READ_MORE;
	if (!line.len) {
		*used = 1;
		return READ_OTHER;
	}
	if (!parse_object(line, r, VALUE_PEOPLE, &reader->room))
		return newline ? READ_BAD : READ_MORE;
	*used = line.len + (newline != NULL);
	return READ_RECORD;
}

/* The end of the flat object that begins the text; NULL if it is not there yet. */
static const char *object_end(struct str text)
{
	bool quoted = false;

	for (const char *p = text.p; p < text.p + text.len; p++) {
		if (quoted && *p == '\\')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '}' && !quoted)
			return p + 1;
	}
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Longest beginning and end of an envelope, blanks included. */
#define ENVELOPE_MARK_MAX 64

/* Consume the beginning or the end of an envelope. */
static enum read_result read_mark(struct record_reader *reader, struct str data, bool end, size_t *used)
{
	struct json j = {data.p, data.p + data.len};
	struct str name = {0};
	bool found = reader->inside ? take(&j, ']') && take(&j, '}')
				    : take(&j, '{') && take(&j, '"') && take_text(&j, &reader->room, &name) &&
					  name.len == 3 && memcmp(name.p, "row", 3) == 0 && take(&j, ':') &&
					  take(&j, '[');

	if (!found)
		return data.len < ENVELOPE_MARK_MAX && j.p == j.end ? READ_MORE : READ_BAD;
	reader->inside = !reader->inside;
	*used = (size_t)(j.p - data.p);
	return READ_OTHER;
}

enum read_result read_proto_json(struct record_reader *reader, struct str data, bool end, size_t *used,
				 struct record *r)
{
	uint32_t skip = 0;

	while (skip < data.len && (is_blank(data.p[skip]) || (reader->inside && data.p[skip] == ',')))
		skip++;
	if (skip || !data.len) {
		*used = skip;
		return skip ? READ_OTHER : READ_MORE;
	}
	if (!reader->inside || data.p[0] != '{')
		return read_mark(reader, data, end, used);
	const char *stop = object_end(data);
	if (!stop)
		return READ_MORE;
	if (!parse_object((struct str){data.p, (uint32_t)(stop - data.p)}, r, VALUE_PROTO, &reader->room))
		return READ_BAD;
	*used = (size_t)(stop - data.p);
	return READ_RECORD;
}
