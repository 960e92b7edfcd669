/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: sockets are kept as the bytes they came in (view/sockets.h) and decoded for each drawing, where
 * those that the filters take become a list that is sorted; cells are made for the rows that fit the screen.
 */
#include "view/top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/choice.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "filter/filter.h"
#include "record/field.h"
#include "record/format.h"
#include "view/group.h"
#include "view/sockets.h"
#include "view/table.h"

const char top_columns[] =
    "state,owner,netns,container,local,remote,send_rate,recv_rate,rtt,retrans_rate,retrans,"
    "sendq,recvq,cwnd,cc";
const char top_order[] =
    "remote,send_rate,recv_rate,rtt,owner,local,retrans_rate,state,sendq,recvq,netns,container,"
    "retrans,cwnd,cc";
const char top_hide_listeners[] = "state listening,closed";

#define MARK_HEADER "\033[7m"
#define MARK_RED    "\033[31m"
#define MARK_GREY   "\033[90m"

struct columns {
	struct view_column list[VIEW_COLUMNS_MAX];
	unsigned importance[VIEW_COLUMNS_MAX];
	size_t count;
};

struct top {
	struct sockets_seen sockets;
	struct columns columns;
	struct view_column sort;
	bool sorted; /* by `sort` */
	bool usual;  /* the columns were not chosen: empty ones are left out */
	enum view_group group;
	struct filter *filter, *hide;
	char filter_text[FILTER_TEXT_MAX];
	bool paused, show_hidden;
	const char *what;
};

/* A socket or a group on its way to the table. */
struct row {
	const struct seen_socket *socket; /* NULL for a group */
	const struct group_row *group;
	double number;
	struct str text; /* points into the socket's wire bytes or the groups' keys */
	size_t order;
};

struct rows {
	struct row *list;
	size_t count, hidden;
	struct groups groups;
};

static void rows_free(struct rows *rows)
{
	free(rows->list);
	groups_free(&rows->groups);
}

void top_take(struct top *t, struct str wire)
{
	if (!t->paused)
		sockets_take(&t->sockets, wire);
}

void top_begin(struct top *t)
{
	if (!t->paused)
		sockets_begin(&t->sockets);
}

void top_end(struct top *t)
{
	if (!t->paused)
		sockets_end(&t->sockets);
}

/* Rows in order */

/* The largest number or the first text on top; what is equal as it came. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint32_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order = len ? memcmp(x->text.p, y->text.p, len) : 0;

	if (x->number != y->number)
		return x->number < y->number ? 1 : -1;
	if (order == 0 && x->text.len != y->text.len)
		return x->text.len < y->text.len ? -1 : 1;
	return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Number and text of a socket to sort by: an address by its bytes, a made column by what it is made of. */
static void sort_key(const struct top *t, struct row *row, const struct record *r)
{
	const struct view_column *c = &t->sort;
	static const struct {
		const char *name;
		size_t offset;
	} made[] = {
	    {"local", offsetof(struct record, inet_diag_msg_socket_source)},
	    {"remote", offsetof(struct record, inet_diag_msg_socket_destination)},
	    {"owner", offsetof(struct record, comm)},
	    {"container", offsetof(struct record, container_id)},
	};

	row->number = view_value(c, r, row->socket->rate);
	if (c->text && strcmp(c->name, "state") == 0)
		row->number = -(double)r->inet_diag_msg_state;
	for (size_t i = 0; c->made && i < ARRAY_SIZE(made); i++) {
		if (strcmp(made[i].name, c->name) == 0)
			memcpy(&row->text, (const uint8_t *)r + made[i].offset, sizeof(row->text));
	}
	if (c->field && c->text) {
		if (c->field->kind == FIELD_STR || c->field->kind == FIELD_BYTES ||
		    c->field->kind == FIELD_ADDR)
			row->text = record_field_bytes(r, c->field);
		else
			row->number = (double)record_field_number(r, c->field);
	}
}

static void collect_groups(const struct top *t, struct rows *rows)
{
	struct groups *g = &rows->groups;

	rows->list = calloc(g->count ? g->count : 1, sizeof(*rows->list));
	for (size_t i = 0; rows->list && i < g->count; i++) {
		const struct group_row *group = &g->rows[i];
		struct row *row = &rows->list[rows->count++];

		*row = (struct row){.group = group, .order = i, .number = group->sockets};
		if (group->key_len)
			row->text = (struct str){(const char *)g->keys.data + group->key_at, group->key_len};
		for (size_t c = 0; t->sorted && c < t->columns.count; c++) {
			if (strcmp(t->columns.list[c].name, t->sort.name) == 0 && !t->sort.text)
				row->number = group->values[c];
		}
		if (t->sorted && strcmp(t->sort.name, "retrans_pct") == 0 && group->bytes_sent)
			row->number = (double)group->bytes_retrans / (double)group->bytes_sent;
	}
}

/* Whether the socket is one to show; counts those that are only hidden. */
static bool wanted(const struct top *t, const struct record *r, struct rows *rows)
{
	if (!filter_match(t->filter, r))
		return false;
	/* Who asks for states gets them. */
	if (!t->hide || t->show_hidden || filter_names_states(t->filter) || !filter_match(t->hide, r))
		return true;
	rows->hidden++;
	return false;
}

/* false without memory. */
static bool collect(const struct top *t, struct rows *rows)
{
	struct record r;
	size_t at = 0;
	bool ok = true;

	*rows = (struct rows){
	    .groups = {.by = t->group, .columns = t->columns.list, .column_count = t->columns.count}};
	if (t->group == GROUP_NONE)
		rows->list = calloc(t->sockets.used ? t->sockets.used : 1, sizeof(*rows->list));
	for (const struct seen_socket *s; ok && (s = sockets_next(&t->sockets, &at, &r));) {
		if (!wanted(t, &r, rows))
			continue;
		if (t->group != GROUP_NONE) {
			ok = groups_add(&rows->groups, &r, s->rate) == 0;
		} else if (rows->list) {
			struct row *row = &rows->list[rows->count];
			*row = (struct row){.socket = s, .order = rows->count++};
			if (t->sorted)
				sort_key(t, row, &r);
		}
	}
	if (ok && t->group != GROUP_NONE)
		collect_groups(t, rows);
	if (ok && rows->list && (t->sorted || t->group != GROUP_NONE))
		qsort(rows->list, rows->count, sizeof(*rows->list), compare);
	return ok && rows->list;
}

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

	if (collect(t, &rows)) {
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
	if (collect(t, &rows)) {
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

/* Keys */

void top_sort_move(struct top *t, int direction)
{
	size_t n = t->columns.count, at = 0;

	while (at < n && strcmp(t->columns.list[at].name, t->sort.name) != 0)
		at++;
	t->sort = t->columns.list[at == n ? 0 : (at + n + (size_t)direction) % n];
	t->sorted = true;
}

void top_group_next(struct top *t)
{
	t->group = (t->group + 1) % GROUP_MAX_;
}

void top_pause_toggle(struct top *t)
{
	t->paused = !t->paused;
}

void top_hidden_toggle(struct top *t)
{
	t->show_hidden = !t->show_hidden;
}

bool top_set_filter(struct top *t, const char *text, char *error, size_t size)
{
	struct filter *f = filter_new(text, error, size);

	if (*error)
		return false;
	filter_free(t->filter);
	t->filter = f;
	snprintf(t->filter_text, sizeof(t->filter_text), "%s", f ? text : "");
	return true;
}

void top_hide(struct top *t, const char *filter)
{
	char error[400];

	filter_free(t->hide);
	t->hide = filter_new(filter, error, sizeof(error));
}

const char *top_filter(const struct top *t)
{
	return t->filter_text;
}

/* Begin and end */

/* Where the name stands in a list of names, from 0; past its end when it does not. */
static unsigned place_in(const char *list, const char *name)
{
	size_t len = strlen(name);
	unsigned place = 0;

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',', place++) {
		if (strcspn(p, ",") == len && memcmp(p, name, len) == 0)
			break;
	}
	return place;
}

static void no_column(const char *flag, const char *name, size_t len, char *error, size_t size)
{
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];

	suggest_begin(&s, name, len);
	view_column_suggest(&s);
	snprintf(error, size,
		 "-%s %.*s: is not a column; `xtcp2 fields` lists them, such as state,remote,rtt%s", flag,
		 (int)(len < 60 ? len : 60), name, suggest_text(&s, near));
}

static bool parse_columns(struct columns *c, const char *list, const char *order, char *error, size_t size)
{
	for (const char *name = list; *name;) {
		size_t len = strcspn(name, ",");
		char copy[64];

		if (c->count == VIEW_COLUMNS_MAX) {
			snprintf(error, size, "-columns: more than %d", VIEW_COLUMNS_MAX);
			return false;
		}
		if (!view_column_find(&c->list[c->count], name, len)) {
			no_column("columns", name, len, error, size);
			return false;
		}
		snprintf(copy, sizeof(copy), "%.*s", (int)len, name);
		c->importance[c->count] = order ? place_in(order, copy) : (unsigned)c->count;
		c->count++;
		name += len + (name[len] == ',');
	}
	return true;
}

/* The column that the table is sorted by stays longest. */
static void keep_sort_column(struct top *t)
{
	for (size_t i = 0; i < t->columns.count; i++) {
		if (t->sorted && strcmp(t->columns.list[i].name, t->sort.name) == 0)
			t->columns.importance[i] = 0;
	}
}

static bool set_options(struct top *t, const struct top_options *o, char *error, size_t size)
{
	const char *columns = o->columns && *o->columns ? o->columns : o->usual;

	t->usual = columns == o->usual;
	t->what = o->what;
	if (!parse_columns(&t->columns, columns, t->usual ? o->usual_order : NULL, error, size))
		return false;
	t->sorted = o->sort && *o->sort;
	if (t->sorted && !view_column_find(&t->sort, o->sort, strlen(o->sort))) {
		no_column("sort", o->sort, strlen(o->sort), error, size);
		return false;
	}
	keep_sort_column(t);
	t->group = group_find(o->group ? o->group : "");
	if (t->group == GROUP_MAX_) {
		char near[SUGGEST_TEXT_MAX];
		snprintf(error, size, "-group %.60s: must be remote, container, process or netns%s", o->group,
			 choice_suggest("remote|container|process|netns", o->group, near));
		return false;
	}
	char reason[400];
	if (o->filter && !top_set_filter(t, o->filter, reason, sizeof(reason))) {
		snprintf(error, size, "filter: %s", reason);
		return false;
	}
	t->hide = o->hide ? filter_new(o->hide, reason, sizeof(reason)) : NULL;
	return true;
}

struct top *top_new(const struct top_options *options, char *error, size_t size)
{
	struct top *t = calloc(1, sizeof(*t));

	if (!t || sockets_seen_init(&t->sockets) < 0) {
		snprintf(error, size, "no memory for the table");
		free(t);
		return NULL;
	}
	if (!set_options(t, options, error, size)) {
		top_free(t);
		return NULL;
	}
	return t;
}

void top_free(struct top *t)
{
	if (!t)
		return;
	sockets_seen_free(&t->sockets);
	filter_free(t->filter);
	filter_free(t->hide);
	free(t);
}
