/* SPDX-License-Identifier: MIT */
#include "view/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Narrowest a column of texts or addresses gets before columns are left out. */
#define END_MIN	   8
#define MIDDLE_MIN 16

#define MARK_END "\033[0m"

struct cell {
	size_t at, len; /* in the texts */
};

struct view_table {
	const struct view_column *columns;
	const unsigned *importance;
	size_t count;
	struct buf texts, cells, marks; /* bytes; struct cell; const char * */
	size_t widths[VIEW_COLUMNS_MAX];
	bool used[VIEW_COLUMNS_MAX]; /* has a cell that is not empty */
	bool hidden[VIEW_COLUMNS_MAX];
	size_t next; /* column of the next cell */
};

/* Characters, not bytes: those that continue a character of UTF-8 have no width. */
static size_t width_of(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

struct view_table *view_table_new(const struct view_column *columns, const unsigned *importance, size_t count)
{
	struct view_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	t->importance = importance;
	t->count = count < VIEW_COLUMNS_MAX ? count : VIEW_COLUMNS_MAX;
	for (size_t i = 0; i < t->count; i++)
		t->widths[i] = strlen(columns[i].heading);
	return t;
}

void view_table_free(struct view_table *t)
{
	if (!t)
		return;
	buf_free(&t->texts);
	buf_free(&t->cells);
	buf_free(&t->marks);
	free(t);
}

void view_table_row(struct view_table *t, const char *mark)
{
	buf_append(&t->marks, &mark, sizeof(mark));
	t->next = 0;
}

void view_table_cell(struct view_table *t, const char *text, size_t len)
{
	struct cell cell = {t->texts.len, len};
	size_t width = width_of(text, len);

	if (t->next == t->count)
		return;
	buf_append(&t->texts, text, len);
	buf_append(&t->cells, &cell, sizeof(cell));
	if (width > t->widths[t->next])
		t->widths[t->next] = width;
	t->used[t->next++] |= len > 0;
}

void view_table_hide_empty(struct view_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		t->hidden[i] |= !t->used[i];
}

static size_t total(const struct view_table *t)
{
	size_t sum = 0;

	for (size_t i = 0; i < t->count; i++)
		sum += t->hidden[i] ? 0 : t->widths[i] + 1;
	return sum ? sum - 1 : 0;
}

/* Take what is over from the widest column that may be elided. Return false when none can give more. */
static bool shrink(struct view_table *t, size_t over)
{
	size_t best = t->count, most = 0;

	for (size_t i = 0; i < t->count; i++) {
		size_t least = t->columns[i].elide == VIEW_END ? END_MIN : MIDDLE_MIN;

		if (t->hidden[i] || t->columns[i].elide == VIEW_WHOLE || t->widths[i] <= least)
			continue;
		if (t->widths[i] - least > most) {
			most = t->widths[i] - least;
			best = i;
		}
	}
	if (best == t->count)
		return false;
	/* A little at a time, so that several long columns give alike. */
	size_t step = over < 4 ? over : 4;
	t->widths[best] -= step < most ? step : most;
	return true;
}

/* Leave out the least important column; the last one stays. */
static bool drop(struct view_table *t)
{
	size_t worst = t->count, shown = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (t->hidden[i])
			continue;
		shown++;
		if (worst == t->count || t->importance[i] > t->importance[worst])
			worst = i;
	}
	if (shown < 2)
		return false;
	t->hidden[worst] = true;
	return true;
}

/* Columns that are left out may leave room for the texts again, hence from the full widths each time. */
static void fit(struct view_table *t, size_t width)
{
	size_t full[VIEW_COLUMNS_MAX];

	memcpy(full, t->widths, sizeof(full));
	for (;;) {
		memcpy(t->widths, full, sizeof(full));
		while (total(t) > width && shrink(t, total(t) - width))
			;
		if (total(t) <= width || !drop(t))
			return;
	}
}

static void spaces(struct buf *b, size_t n)
{
	while (n--)
		buf_byte(b, ' ');
}

/* Append the first or, with tail, the last n characters. */
static void characters(struct buf *b, const char *text, size_t len, size_t n, bool tail)
{
	size_t from = 0, skip = tail ? width_of(text, len) - n : 0, to;

	for (; from < len && skip + (((uint8_t)text[from] & 0xc0) == 0x80) > 0; from++)
		skip -= ((uint8_t)text[from] & 0xc0) != 0x80;
	for (to = from; to < len && (n > 0 || ((uint8_t)text[to] & 0xc0) == 0x80); to++)
		n -= ((uint8_t)text[to] & 0xc0) != 0x80;
	buf_append(b, text + from, to - from);
}

static void print_cell(const struct view_table *t, size_t column, const char *text, size_t len, bool last,
		       struct buf *b)
{
	const struct view_column *c = &t->columns[column];
	size_t width = t->widths[column], is = width_of(text, len);

	if (is > width) {
		/* Of an address the end is worth more: it has the port. */
		size_t head = c->elide == VIEW_END ? width - 1 : (width - 1) / 2;
		characters(b, text, len, head, false);
		buf_byte(b, '~');
		characters(b, text, len, width - 1 - head, true);
		return;
	}
	if (!c->text)
		spaces(b, width - is);
	buf_append(b, text, len);
	if (c->text && !last)
		spaces(b, width - is);
}

static void print_line(const struct view_table *t, const struct cell *cells, const char *mark, struct buf *b)
{
	bool first = true;
	size_t last = t->count;

	for (size_t i = 0; i < t->count; i++)
		last = t->hidden[i] ? last : i;
	if (mark)
		buf_str(b, mark);
	for (size_t i = 0; i < t->count; i++) {
		const char *text = cells ? (const char *)t->texts.data + cells[i].at : t->columns[i].heading;

		if (t->hidden[i])
			continue;
		if (!first)
			buf_byte(b, ' ');
		first = false;
		print_cell(t, i, text, cells ? cells[i].len : strlen(text), i == last, b);
	}
	if (mark)
		buf_str(b, MARK_END);
	buf_byte(b, '\n');
}

void view_table_print(struct view_table *t, size_t width, const char *header_mark, struct buf *b)
{
	size_t rows = t->marks.len / sizeof(const char *);

	if (!buf_ok(&t->texts) || !buf_ok(&t->cells) || !buf_ok(&t->marks) ||
	    t->cells.len != rows * t->count * sizeof(struct cell))
		return;
	if (width)
		fit(t, width);
	print_line(t, NULL, header_mark, b);
	for (size_t i = 0; i < rows; i++)
		print_line(t, (const struct cell *)(void *)t->cells.data + i * t->count,
			   ((const char *const *)(void *)t->marks.data)[i], b);
}
