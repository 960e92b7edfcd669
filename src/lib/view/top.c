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

#include "base/choice.h"
#include "base/suggest.h"
#include "filter/filter.h"
#include "view/top_internal.h"

const char top_columns[] =
    "state,owner,netns,container,local,remote,send_rate,recv_rate,rtt,retrans_rate,retrans,"
    "sendq,recvq,cwnd,cc";
const char top_order[] =
    "remote,send_rate,recv_rate,rtt,owner,local,retrans_rate,state,sendq,recvq,netns,container,"
    "retrans,cwnd,cc";
const char top_hide_listeners[] = "state listening,closed";

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
