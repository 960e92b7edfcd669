/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Sockets are kept in a hash table by cookie, each with the wire bytes of its last
 * record. A cell is decoded when it is drawn, so only for rows that fit the screen. A
 * cookie that arrives for the second time begins a new generation, which is the next
 * poll. Sockets that were missing from a whole generation are removed.
 */
#include "client/top.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "record/format.h"
#include "record/wire_decode.h"

#define SLOTS_FIRST 1024    /* a power of two */
#define SOCKETS_MAX 1000000 /* further sockets are not kept; the line of totals says so */
#define COLUMNS_MAX 32
#define CELL_MAX    40 /* characters of one cell */
/* Unknown; below every rate, so that such sockets are sorted last. */
#define RATE_NONE   (-1.0)

struct socket {
	uint64_t cookie; /* 0: the slot is free */
	uint32_t generation;
	uint32_t wire_len;
	uint8_t *wire;
	int64_t time_ns;
	uint64_t sent, received; /* bytes, as of time_ns */
	double rate[2];		 /* send, receive: bytes per second, or RATE_NONE */
	bool counted;		 /* sent and received were in the last record */
};

struct column {
	const struct record_field *field; /* NULL for a rate */
	int rate;			  /* 0 send_rate, 1 recv_rate */
	const char *name;
};

struct top {
	struct socket *slots;
	size_t slot_count, used, live;
	uint32_t generation;
	uint64_t damaged, not_kept;
	struct column columns[COLUMNS_MAX];
	size_t column_count, sort;
	char *names; /* storage of the columns' names */
};

static const char usual_columns[] =
    "inet_diag_msg_socket_source,inet_diag_msg_socket_source_port,inet_diag_msg_socket_destination,"
    "inet_diag_msg_socket_destination_port,inet_diag_msg_state,send_rate,recv_rate,tcp_info_rtt,"
    "tcp_info_snd_cwnd,tcp_info_total_retrans,inet_diag_msg_rqueue,inet_diag_msg_wqueue,"
    "congestion_algorithm_string,netns";

static const char *const rate_names[] = {"send_rate", "recv_rate"};

/* Headings of the default columns; others are headed by their name without its prefix. */
static const struct {
	const char *name, *heading;
} headings[] = {
    {"inet_diag_msg_socket_source", "LOCAL"},
    {"inet_diag_msg_socket_source_port", "PORT"},
    {"inet_diag_msg_socket_destination", "PEER"},
    {"inet_diag_msg_socket_destination_port", "PORT"},
    {"inet_diag_msg_state", "STATE"},
    {"send_rate", "SEND/S"},
    {"recv_rate", "RECV/S"},
    {"tcp_info_rtt", "RTT_US"},
    {"tcp_info_snd_cwnd", "CWND"},
    {"tcp_info_total_retrans", "RETRANS"},
    {"inet_diag_msg_rqueue", "RQUEUE"},
    {"inet_diag_msg_wqueue", "WQUEUE"},
    {"congestion_algorithm_string", "CC"},
    {"netns", "NETNS"},
};

/* The table of sockets */

/* Return the slot of the cookie, or the free one where it belongs; there always is one. */
static struct socket *slot_of(const struct top *t, uint64_t cookie)
{
	size_t mask = t->slot_count - 1;
	size_t i = hash_slot(cookie, 32) & mask;

	while (t->slots[i].cookie && t->slots[i].cookie != cookie)
		i = (i + 1) & mask;
	return &t->slots[i];
}

/* Return whether the socket is in the current generation or, while that is incomplete, the previous one. */
static bool is_live(const struct top *t, const struct socket *s)
{
	return s->cookie && t->generation - s->generation <= 1;
}

/* Remove sockets that have ended and make room for more. 0 or -ENOMEM. */
static int table_rebuild(struct top *t)
{
	size_t live = 0, count = SLOTS_FIRST;
	struct top old = *t;

	for (size_t i = 0; i < old.slot_count; i++)
		live += is_live(t, &old.slots[i]);
	while (count < live * 4)
		count *= 2;
	struct socket *slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	t->slots = slots;
	t->slot_count = count;
	t->used = live;
	for (size_t i = 0; i < old.slot_count; i++) {
		if (is_live(t, &old.slots[i]))
			*slot_of(t, old.slots[i].cookie) = old.slots[i];
		else
			free(old.slots[i].wire);
	}
	free(old.slots);
	return 0;
}

/* Return bytes per second between two counts; RATE_NONE if the count fell, as of a reused socket. */
static double rate_of(uint64_t before, uint64_t now, double seconds)
{
	return now < before ? RATE_NONE : (double)(now - before) / seconds;
}

/* A socket in TIME_WAIT, or one that is not connected, has no counters and so no rate. */
static void rates_update(struct socket *s, const struct record *r)
{
	double seconds = (double)(r->timestamp_ns - s->time_ns) / (double)NS_PER_SEC;
	bool counted = r->sections & RECORD_HAS(TCP_INFO);

	if (!counted || !s->counted) {
		s->rate[0] = s->rate[1] = RATE_NONE;
	} else if (seconds > 0) {
		s->rate[0] = rate_of(s->sent, r->tcp_info_bytes_acked, seconds);
		s->rate[1] = rate_of(s->received, r->tcp_info_bytes_received, seconds);
	}
	s->counted = counted;
	s->time_ns = r->timestamp_ns;
	s->sent = r->tcp_info_bytes_acked;
	s->received = r->tcp_info_bytes_received;
}

void top_take(struct top *t, struct str wire)
{
	struct record r;

	if (wire_decode(&r, wire) < 0 || !r.inet_diag_msg_socket_cookie) {
		t->damaged++;
		return;
	}
	if (t->used * 2 >= t->slot_count && table_rebuild(t) < 0) {
		t->not_kept++;
		return;
	}
	struct socket *s = slot_of(t, r.inet_diag_msg_socket_cookie);
	bool known = s->cookie != 0;
	if (!known && t->used >= SOCKETS_MAX) {
		t->not_kept++;
		return;
	}
	uint8_t *copy = wire.len <= s->wire_len && s->wire ? s->wire : realloc(s->wire, wire.len + 1);
	if (!copy) {
		t->not_kept++;
		return;
	}
	if (known && s->generation == t->generation)
		t->generation++;
	t->used += !known;
	s->cookie = r.inet_diag_msg_socket_cookie;
	rates_update(s, &r);
	s->generation = t->generation;
	s->wire = memcpy(copy, wire.p, wire.len);
	s->wire_len = wire.len;
}

/* Columns */

static int column_parse(struct column *c, const char *name)
{
	*c = (struct column){.name = name, .field = record_field_find(name, strlen(name))};
	for (int i = 0; i < (int)ARRAY_SIZE(rate_names); i++) {
		if (strcmp(name, rate_names[i]) == 0) {
			c->rate = i;
			return 0;
		}
	}
	return c->field ? 0 : -EINVAL;
}

static const char *column_heading(const struct column *c)
{
	static const char *const prefixes[] = {"inet_diag_msg_", "tcp_info_", "sk_mem_info_"};

	for (size_t i = 0; i < ARRAY_SIZE(headings); i++) {
		if (strcmp(headings[i].name, c->name) == 0)
			return headings[i].heading;
	}
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(c->name, prefixes[i], strlen(prefixes[i])) == 0)
			return c->name + strlen(prefixes[i]);
	}
	return c->name;
}

static bool column_is_text(const struct column *c)
{
	return c->field &&
	       (c->field->kind == FIELD_STR || c->field->kind == FIELD_BYTES || c->field->kind == FIELD_ADDR);
}

/* Format bytes per second for people: 999, 1.2K, 35M. */
static void format_rate(struct buf *b, double rate)
{
	static const char units[] = " KMGT";
	size_t unit = 0;

	while (rate >= 1000 && unit + 2 < sizeof(units)) {
		rate /= 1000;
		unit++;
	}
	buf_printf(b, rate < 10 && unit ? "%.1f" : "%.0f", rate);
	if (unit)
		buf_byte(b, (uint8_t)units[unit]);
}

static void cell_text(const struct column *c, const struct socket *s, const struct record *r, struct buf *b)
{
	if (!c->field && s->rate[c->rate] >= 0)
		format_rate(b, s->rate[c->rate]);
	else if (!c->field)
		return;
	else if (record_field_present(r, c->field))
		format_field(b, r, c->field);
	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] < ' ' || b->data[i] == 0x7f)
			b->data[i] = '?'; /* names of other hosts: no control characters */
	}
}

/* Sorting: the largest number or the first text at the top */

struct sortable {
	const struct socket *socket;
	double number;
	struct str text; /* points into the socket's wire bytes */
};

static int compare(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;
	uint32_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order = len ? memcmp(x->text.p, y->text.p, len) : 0;

	if (x->number != y->number)
		return x->number < y->number ? 1 : -1;
	if (order == 0 && x->text.len != y->text.len)
		order = x->text.len < y->text.len ? -1 : 1;
	if (order == 0)
		order = x->socket->cookie < y->socket->cookie ? -1 : x->socket->cookie > y->socket->cookie;
	return order;
}

/* Return all live sockets in order, for free(3); NULL if there are none. */
static struct sortable *sorted(const struct top *t, size_t *count)
{
	const struct column *c = &t->columns[t->sort];
	struct sortable *list = calloc(t->used ? t->used : 1, sizeof(*list));
	struct record r;

	*count = 0;
	for (size_t i = 0; list && i < t->slot_count; i++) {
		const struct socket *s = &t->slots[i];
		if (!is_live(t, s))
			continue;
		struct sortable *x = &list[(*count)++];
		*x = (struct sortable){.socket = s};
		if (!c->field)
			x->number = s->rate[c->rate];
		else if (wire_decode(&r, (struct str){(const char *)s->wire, s->wire_len}) == 0 &&
			 column_is_text(c))
			x->text = record_field_bytes(&r, c->field);
		else
			x->number = (double)record_field_number(&r, c->field);
	}
	if (list)
		qsort(list, *count, sizeof(*list), compare);
	return list;
}

/* The screen */

typedef char cell_buffer[CELL_MAX + 1];

/* Decode the cells of the visible rows, from which the widths of the columns follow. */
struct grid {
	size_t rows, columns;
	cell_buffer *cells;
	size_t widths[COLUMNS_MAX];
};

static void grid_put(struct grid *g, size_t row, size_t column, const char *text, size_t len)
{
	char *cell = g->cells[row * g->columns + column];

	len = len < CELL_MAX ? len : CELL_MAX;
	if (len > 0) /* an empty cell has no text to point to */
		memcpy(cell, text, len);
	cell[len] = '\0';
	if (len > g->widths[column])
		g->widths[column] = len;
}

static void grid_row(struct grid *g, size_t row, const struct top *t, const struct socket *s)
{
	struct record r;
	struct buf text = {0};

	wire_decode(&r, (struct str){(const char *)s->wire, s->wire_len});
	for (size_t c = 0; c < t->column_count; c++) {
		buf_reset(&text);
		cell_text(&t->columns[c], s, &r, &text);
		grid_put(g, row, c, (const char *)text.data, text.len);
	}
	buf_free(&text);
}

static void grid_print(const struct grid *g, const struct top *t, size_t width, struct buf *b)
{
	for (size_t row = 0; row < g->rows; row++) {
		size_t start = b->len;
		for (size_t c = 0; c < g->columns; c++) {
			int pad = (int)g->widths[c];
			buf_printf(b, column_is_text(&t->columns[c]) ? "%s%-*s" : "%s%*s", c ? " " : "", pad,
				   g->cells[row * g->columns + c]);
		}
		if (width && b->len - start > width)
			b->len = start + width;
		buf_byte(b, '\n');
	}
}

void top_render(struct top *t, size_t width, size_t height, struct buf *b)
{
	size_t count, start = b->len;
	_cleanup_free_ struct sortable *list = sorted(t, &count);
	size_t shown = height > 2 ? height - 2 : 1;

	shown = count < shown ? count : shown;
	struct grid g = {.rows = shown + 1, .columns = t->column_count};
	_cleanup_free_ cell_buffer *cells = calloc(g.rows * g.columns, sizeof(*cells));
	if (!list || !cells)
		return;
	g.cells = cells;
	buf_printf(b, "%zu sockets, by %s", count, t->columns[t->sort].name);
	if (t->damaged || t->not_kept)
		buf_printf(b, "; %" PRIu64 " records could not be read, %" PRIu64 " not kept", t->damaged,
			   t->not_kept);
	if (width && b->len - start > width)
		b->len = start + width;
	buf_byte(b, '\n');
	for (size_t c = 0; c < g.columns; c++) {
		const char *heading = column_heading(&t->columns[c]);
		grid_put(&g, 0, c, heading, strlen(heading));
	}
	for (size_t i = 0; i < shown; i++)
		grid_row(&g, i + 1, t, list[i].socket);
	grid_print(&g, t, width, b);
}

void top_sort_move(struct top *t, int direction)
{
	t->sort = (t->sort + t->column_count + (size_t)direction) % t->column_count;
}

/* Begin and end */

static int columns_parse(struct top *t, const char *sort, char *error, size_t size)
{
	char *rest = t->names;

	for (char *name; (name = strsep(&rest, ","));) {
		if (t->column_count == COLUMNS_MAX || column_parse(&t->columns[t->column_count], name) < 0) {
			snprintf(
			    error, size,
			    "-columns %.60s: at most %d, each a field of the record, send_rate or recv_rate",
			    name, COLUMNS_MAX);
			return -EINVAL;
		}
		t->column_count++;
	}
	for (t->sort = 0; t->sort < t->column_count; t->sort++) {
		if (strcmp(t->columns[t->sort].name, sort) == 0)
			return 0;
	}
	snprintf(error, size, "-sort %.60s: not one of the columns shown", sort);
	return -EINVAL;
}

struct top *top_new(const char *columns, const char *sort, char *error, size_t size)
{
	struct top *t = calloc(1, sizeof(*t));

	if (t)
		t->names = strdup(columns && *columns ? columns : usual_columns);
	if (!t || !t->names || table_rebuild(t) < 0) {
		snprintf(error, size, "no memory for the table");
		top_free(t);
		return NULL;
	}
	t->generation = 1;
	if (columns_parse(t, sort, error, size) < 0) {
		top_free(t);
		return NULL;
	}
	return t;
}

void top_free(struct top *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->slot_count; i++)
		free(t->slots[i].wire);
	free(t->slots);
	free(t->names);
	free(t);
}
