/* SPDX-License-Identifier: MIT */
#ifndef VIEW_TOP_H
#define VIEW_TOP_H
/*
 * The table of xtcp2 top and ss and of xtcp2client -format top: sockets, or groups of them, the
 * largest of one column first. Draws into a buffer; the terminal is view/live.h's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct top;

struct top_options {
	const char *columns; /* comma-separated; NULL or "" for usual_columns */
	const char *usual;   /* those, the most important ones in usual_order; empty ones are left out */
	const char *usual_order;
	const char *sort;  /* a column, whether shown or not; "" for the order in which sockets come */
	const char *group; /* "", or one of view/group.h */
	const char *filter;
	const char *hide; /* a filter: sockets that a person does not look for; NULL for none */
	const char *what; /* the program, in the line on top */
};

/* The usual columns of live tables, their importance, and the listeners among what is hidden. */
extern const char top_columns[], top_order[], top_hide_listeners[];

/* Texts may go afterwards. NULL with one sentence in error, which begins with the option. */
struct top *top_new(const struct top_options *options, char *error, size_t size);
void top_free(struct top *t);

/* Take the wire bytes of one record; ignored while the table pauses. */
void top_take(struct top *t, struct str wire);
/* Say where a poll begins and ends, if that is known. */
void top_begin(struct top *t);
void top_end(struct top *t);

/* How to draw: width 0 for any, rows at most 0 for all. Colours are escape sequences. */
struct top_paper {
	size_t width, height;
	bool title, colours;
};

/* Append the table as it is now: a line of totals with title, the header, and what fits. */
void top_render(struct top *t, const struct top_paper *paper, struct buf *b);
/* Append each row as an object of its columns, a line each; most: how many, 0 for all. */
void top_json(struct top *t, size_t most, struct buf *b);

/* Replace what is hidden by another filter; a wrong one hides nothing. */
void top_hide(struct top *t, const char *filter);

/* What keys do. The next column becomes the one sorted by, or with -1 the one before. */
void top_sort_move(struct top *t, int direction);
void top_group_next(struct top *t);
void top_pause_toggle(struct top *t);
void top_hidden_toggle(struct top *t);
/* Return false with one sentence in error, and leave the filter as it was, for a wrong expression. */
bool top_set_filter(struct top *t, const char *text, char *error, size_t size);
const char *top_filter(const struct top *t);

#endif
