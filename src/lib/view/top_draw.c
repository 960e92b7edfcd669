/* SPDX-License-Identifier: MIT */
/* The table as text for people and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "record/format.h"
#include "view/rows.h"
#include "view/table.h"
#include "view/top_internal.h"

#define MARK_HEADER "\033[7m"
#define MARK_RED    "\033[31m"
#define MARK_GREY   "\033[90m"

/* Cells */

static const char *mark_of(const struct top_paper *paper, const struct row *row, const struct record *r)
{
	if (!paper->colours || !row->socket)
		return NULL;
	if (row->socket->rate[VIEW_RETRANS_RATE] > 0)
		return MARK_RED;
	return r->inet_diag_msg_state == 1 ? NULL : MARK_GREY;
}

static void socket_row(const struct top *t, struct view_table *table, const struct top_paper *paper,
		       const struct row *row)
{
	_cleanup_buf_ struct buf text = {0};
	struct record r;
	size_t at = (size_t)(row->socket - t->sockets.slots);

	sockets_next(&t->sockets, &at, &r);
	view_table_row(table, mark_of(paper, row, &r));
	for (size_t c = 0; c < t->columns.count; c++) {
		buf_reset(&text);
		view_cell(&text, &t->columns.list[c], &r, row->socket->rate);
		view_table_cell(table, (const char *)text.data, text.len);
	}
}

/* The value of a group: shares are of its sums. */
static double group_value(const struct view_column *c, const struct group_row *g, size_t index)
{
	if (strcmp(c->name, "retrans_pct") == 0)
		return g->bytes_sent ? 100.0 * (double)g->bytes_retrans / (double)g->bytes_sent : VIEW_NONE;
	return g->values[index];
}

/* Key and number of sockets stand before the columns that are numbers. */
struct group_columns {
	struct view_column list[VIEW_COLUMNS_MAX];
	unsigned importance[VIEW_COLUMNS_MAX];
	size_t from[VIEW_COLUMNS_MAX]; /* in the columns of the sockets */
	size_t count;
};

static void group_columns(const struct top *t, struct group_columns *g)
{
	struct view_column key = {.text = true, .elide = VIEW_END, .name = group_name(t->group)};

	*g = (struct group_columns){.count = 2};
	snprintf(key.heading, sizeof(key.heading), "%s", group_name(t->group));
	for (char *p = key.heading; *p; p++)
		*p = (char)(*p - 'a' + 'A');
	g->list[0] = key;
	g->list[1] = (struct view_column){.name = "sockets", .heading = "SOCKETS"};
	g->importance[1] = 1;
	for (size_t c = 0; c < t->columns.count && g->count < VIEW_COLUMNS_MAX; c++) {
		if (t->columns.list[c].text)
			continue;
		g->list[g->count] = t->columns.list[c];
		g->from[g->count] = c;
		g->importance[g->count++] = t->columns.importance[c] + 2;
	}
}

/* The key as it may be shown: nothing that a terminal obeys. */
static void key_text(struct buf *b, const struct row *row)
{
	for (uint32_t i = 0; i < row->text.len; i++) {
		uint8_t c = (uint8_t)row->text.p[i];
		buf_byte(b, c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) ? '?' : c);
	}
	if (row->text.len == 0)
		buf_byte(b, '-');
}

static void group_row(const struct group_columns *g, struct view_table *table, const struct row *row)
{
	_cleanup_buf_ struct buf text = {0};

	view_table_row(table, NULL);
	key_text(&text, row);
	view_table_cell(table, (const char *)text.data, text.len);
	buf_reset(&text);
	format_u64(&text, row->group->sockets);
	view_table_cell(table, (const char *)text.data, text.len);
	for (size_t c = 2; c < g->count; c++) {
		buf_reset(&text);
		view_number(&text, &g->list[c], group_value(&g->list[c], row->group, g->from[c]));
		view_table_cell(table, (const char *)text.data, text.len);
	}
}

static void draw(const struct top *t, const struct rows *rows, size_t shown, const struct top_paper *paper,
		 struct buf *b)
{
	struct group_columns g;
	bool groups = t->group != GROUP_NONE;

	group_columns(t, &g);
	struct view_table *table =
	    groups ? view_table_new(g.list, g.importance, g.count)
		   : view_table_new(t->columns.list, t->columns.importance, t->columns.count);
	if (!table)
		return;
	for (size_t i = 0; i < shown; i++) {
		if (groups)
			group_row(&g, table, &rows->list[i]);
		else
			socket_row(t, table, paper, &rows->list[i]);
	}
	if (t->usual && shown > 0)
		view_table_hide_empty(table);
	view_table_print(table, paper->width, paper->title && paper->width ? MARK_HEADER : NULL, b);
	view_table_free(table);
}

/* "14:03:22 xtcp2 top: 12 sockets (5 hidden), by send_rate" */
static void title(const struct top *t, const struct rows *rows, size_t width, struct buf *b)
{
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;
	size_t start = b->len;

	strftime(clock, sizeof(clock), "%T", localtime_r(&now, &tm));
	buf_printf(b, "%s %s: ", clock, t->what);
	if (t->sockets.taken == 0 && !t->sockets.complete)
		buf_str(b, "waiting for the first poll");
	else
		buf_printf(b, "%zu %s", rows->count, t->group == GROUP_NONE ? "sockets" : "groups");
	if (rows->hidden)
		buf_printf(b, " (%zu hidden)", rows->hidden);
	if (t->sorted)
		buf_printf(b, ", by %s", t->sort.name);
	if (t->paused)
		buf_str(b, ", PAUSED");
	if (*t->filter_text)
		buf_printf(b, ", %s", t->filter_text);
	if (t->sockets.damaged || t->sockets.not_kept)
		buf_printf(b, "; %" PRIu64 " records could not be read, %" PRIu64 " not kept",
			   t->sockets.damaged, t->sockets.not_kept);
	if (width && b->len - start > width)
		b->len = start + width;
	buf_byte(b, '\n');
}

void top_render(struct top *t, const struct top_paper *paper, struct buf *b)
{
	struct rows rows;
	size_t room = paper->height;

	if (rows_collect(t, &rows)) {
		if (paper->title) {
			title(t, &rows, paper->width, b);
			room = room > 2 ? room - 2 : 1;
		}
		size_t shown = room && room < rows.count ? room : rows.count;
		draw(t, &rows, shown, paper, b);
	}
	rows_free(&rows);
}

/* JSON */

static void json_group(const struct group_columns *g, const struct row *row, struct buf *b)
{
	buf_printf(b, "{\"%s\":", g->list[0].name);
	format_json_string(b, row->text);
	buf_printf(b, ",\"sockets\":%u", row->group->sockets);
	for (size_t c = 2; c < g->count; c++) {
		double value = group_value(&g->list[c], row->group, g->from[c]);

		buf_printf(b, ",\"%s\":", g->list[c].name);
		if (value < 0)
			buf_str(b, "null");
		else
			buf_printf(b, "%.15g", value);
	}
}

static void json_socket(const struct top *t, const struct row *row, struct buf *b)
{
	struct record r;
	size_t at = (size_t)(row->socket - t->sockets.slots);

	sockets_next(&t->sockets, &at, &r);
	for (size_t c = 0; c < t->columns.count; c++) {
		buf_printf(b, "%c\"%s\":", c ? ',' : '{', t->columns.list[c].name);
		view_json(b, &t->columns.list[c], &r, row->socket->rate);
	}
}

void top_json(struct top *t, size_t most, struct buf *b)
{
	struct rows rows;
	struct group_columns g;

	group_columns(t, &g);
	if (rows_collect(t, &rows)) {
		for (size_t i = 0; i < rows.count && (!most || i < most); i++) {
			if (t->group != GROUP_NONE)
				json_group(&g, &rows.list[i], b);
			else
				json_socket(t, &rows.list[i], b);
			buf_str(b, "}\n");
		}
	}
	rows_free(&rows);
}
