/* SPDX-License-Identifier: MIT */
#include "view/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/filter.h"
#include "record/field.h"
#include "view/top_internal.h"

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
	if (c->made && strcmp(c->name, "container") == 0 && r->container_name.len)
		row->text = r->container_name;
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

bool rows_collect(const struct top *t, struct rows *rows)
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

void rows_free(struct rows *rows)
{
	free(rows->list);
	groups_free(&rows->groups);
}
