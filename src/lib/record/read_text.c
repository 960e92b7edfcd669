/* SPDX-License-Identifier: MIT */
/* Readers of csv, tsv, text and protoText. */
#include <stdlib.h>
#include <string.h>

#include "record/field.h"
#include "record/read.h"
#include "record/value.h"

/* More columns than any version of the schema has. */
#define COLUMNS_MAX 4096

/* Cut one cell off the front of a csv line, or return false if its quotes do not end here. `line` keeps the separator. */
static bool csv_cell(struct str *line, struct buf *room, struct str *cell)
{
	size_t start = room->len;
	uint32_t i = 0;

	if (!line->len || line->p[0] != '"') {
		while (i < line->len && line->p[i] != ',' && line->p[i] != '\n')
			i++;
		*cell = (struct str){line->p, i};
		*line = (struct str){line->p + i, line->len - i};
		return true;
	}
	for (i = 1; i < line->len; i++) {
		if (line->p[i] != '"') {
			buf_byte(room, (uint8_t)line->p[i]);
		} else if (i + 1 < line->len && line->p[i + 1] == '"') {
			buf_byte(room, '"');
			i++;
		} else {
			*cell = (struct str){(const char *)room->data + start, (uint32_t)(room->len - start)};
			*line = (struct str){line->p + i + 1, line->len - i - 1};
			return true;
		}
	}
	return false;
}

static bool tsv_cell(struct str *line, struct buf *room, struct str *cell)
{
	size_t start = room->len;
	uint32_t i = 0;

	while (i < line->len && line->p[i] != '\t' && line->p[i] != '\n')
		i++;
	*cell = (struct str){line->p, i};
	*line = (struct str){line->p + i, line->len - i};
	if (!memchr(cell->p, '\\', cell->len))
		return true;
	if (!value_unescape(room, *cell))
		return false;
	*cell = (struct str){(const char *)room->data + start, (uint32_t)(room->len - start)};
	return true;
}

/* Where the line ends, its newline included; 0 if it does not. A newline between the quotes of csv does not count. */
static size_t line_end(struct str data, bool quotes)
{
	bool quoted = false;

	for (uint32_t i = 0; i < data.len; i++) {
		quoted ^= quotes && data.p[i] == '"';
		if (data.p[i] == '\n' && !quoted)
			return i + 1;
	}
	return 0;
}

typedef bool (*cell_fn)(struct str *line, struct buf *room, struct str *cell);

/* Take the separator behind a cell. 1: a cell follows, 0: the line ends, -1: neither. */
static int next_cell(struct str *line, char separator)
{
	char c = line->len ? line->p[0] : '\n';

	if (line->len)
		*line = (struct str){line->p + 1, line->len - 1};
	return c == separator ? 1 : c == '\n' ? 0 : -1;
}

/* Take the line as a header if `all` or some of its cells are names of fields. Return whether it is one. */
static bool take_header(struct record_reader *reader, struct str line, cell_fn cell_of, char separator,
			bool all)
{
	size_t count = 0, known = 0;
	int16_t *columns = malloc(COLUMNS_MAX * sizeof(*columns));
	struct str cell;
	int more = 1;

	while (columns && more > 0 && count < COLUMNS_MAX && cell_of(&line, &reader->room, &cell)) {
		const struct record_field *f = record_field_find(cell.p, cell.len);
		columns[count++] = f ? (int16_t)(f - record_fields) : -1;
		known += f != NULL;
		more = next_cell(&line, separator);
	}
	if (!columns || more || !known || (all && known < count)) {
		free(columns);
		return false;
	}
	free(reader->columns);
	reader->columns = columns;
	reader->column_count = count;
	return true;
}

static bool parse_row(struct record_reader *reader, struct str line, cell_fn cell_of, char separator,
		      struct record *r)
{
	struct str cell;
	int more = 1;
	size_t i = 0;

	memset(r, 0, sizeof(*r));
	for (; more > 0 && i < reader->column_count; i++) {
		if (!cell_of(&line, &reader->room, &cell))
			return false;
		/* An empty cell is an absent field. */
		if (cell.len && reader->columns[i] >= 0 &&
		    !value_parse(r, &record_fields[reader->columns[i]], cell, VALUE_PEOPLE, &reader->room))
			return false;
		more = next_cell(&line, separator);
	}
	value_settle(r);
	return more == 0 && i == reader->column_count && buf_ok(&reader->room);
}

static enum read_result read_table(struct record_reader *reader, struct str data, bool end, size_t *used,
				   struct record *r, cell_fn cell_of, char separator)
{
	size_t len = line_end(data, separator == ',');

	if (!len && (!end || !data.len))
		return READ_MORE;
	struct str line = {data.p, (uint32_t)(len ? len : data.len)};
	/* Decoded cells are no longer than the line: room does not move while the record points into it. */
	if (!buf_reserve(&reader->room, 2 * (size_t)line.len))
		return READ_BAD;
	bool first = !reader->columns;
	/* A file that was appended to has a header in its middle. */
	if (take_header(reader, line, cell_of, separator, !first)) {
		*used = line.len;
		return READ_OTHER;
	}
	reader->room.len = 0;
	if (first || !parse_row(reader, line, cell_of, separator, r))
		return len ? READ_BAD : READ_MORE;
	*used = line.len;
	return READ_RECORD;
}

enum read_result read_csv(struct record_reader *reader, struct str data, bool end, size_t *used,
			  struct record *r)
{
	return read_table(reader, data, end, used, r, csv_cell, ',');
}

enum read_result read_tsv(struct record_reader *reader, struct str data, bool end, size_t *used,
			  struct record *r)
{
	return read_table(reader, data, end, used, r, tsv_cell, '\t');
}

/* Cut "name: value" off a block of lines. Return false if the line is another. */
static bool named_line(struct str *block, struct str *name, struct str *value)
{
	const char *end = memchr(block->p, '\n', block->len);
	uint32_t len = end ? (uint32_t)(end - block->p) : block->len, skip = 0;

	while (skip < len && block->p[skip] == ' ')
		skip++;
	const char *colon = memchr(block->p + skip, ':', len - skip);
	if (!colon || colon + 2 > block->p + len || colon[1] != ' ')
		return false;
	*name = (struct str){block->p + skip, (uint32_t)(colon - block->p) - skip};
	*value = (struct str){colon + 2, (uint32_t)(block->p + len - colon - 2)};
	*block = (struct str){block->p + len + (end != NULL), block->len - len - (end != NULL)};
	return true;
}

static bool parse_lines(struct str block, struct record *r, bool proto, struct buf *room)
{
	struct str name, value;

	memset(r, 0, sizeof(*r));
	if (!buf_reserve(room, 2 * (size_t)block.len))
		return false;
	while (block.len) {
		if (!named_line(&block, &name, &value))
			return false;
		const struct record_field *f = record_field_find(name.p, name.len);
		bool quoted = proto && value.len > 1 && value.p[0] == '"' && value.p[value.len - 1] == '"';
		if (quoted)
			value = (struct str){value.p + 1, value.len - 2};
		if (f && (quoted || f->kind == FIELD_STR) && memchr(value.p, '\\', value.len)) {
			size_t start = room->len;
			if (!value_unescape(room, value))
				return false;
			value = (struct str){(const char *)room->data + start, (uint32_t)(room->len - start)};
		}
		bool set = !f || (quoted ? value_set_bytes(r, f, value)
					 : value_parse(r, f, value, VALUE_PEOPLE, room));
		if (!set)
			return false;
	}
	value_settle(r);
	return buf_ok(room);
}

enum read_result read_text(struct record_reader *reader, struct str data, bool end, size_t *used,
			   struct record *r)
{
	const char *stop = memmem(data.p, data.len, "\n\n", 2);

	if (data.len && data.p[0] == '\n') {
		*used = 1;
		return READ_OTHER;
	}
	if (!stop)
		return READ_MORE;
	if (!parse_lines((struct str){data.p, (uint32_t)(stop + 1 - data.p)}, r, false, &reader->room))
		return READ_BAD;
	*used = (size_t)(stop + 2 - data.p);
	return READ_RECORD;
}

enum read_result read_proto_text(struct record_reader *reader, struct str data, bool end, size_t *used,
				 struct record *r)
{
	static const char open[] = "row {\n", close[] = "}\n";
	const size_t head = sizeof(open) - 1;

	if (memcmp(data.p, open, data.len < head ? data.len : head) != 0)
		return READ_BAD;
	const char *stop =
	    data.len < head ? NULL : memmem(data.p + head - 1, data.len - head + 1, "\n}\n", 3);
	if (!stop)
		return READ_MORE;
	const char *begin = data.p + head;
	uint32_t len = stop + 1 > begin ? (uint32_t)(stop + 1 - begin) : 0;
	if (!parse_lines((struct str){begin, len}, r, true, &reader->room))
		return READ_BAD;
	*used = (size_t)(stop + 1 + sizeof(close) - 1 - data.p);
	return READ_RECORD;
}
