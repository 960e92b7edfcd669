/* SPDX-License-Identifier: MIT */
#ifndef VIEW_COLUMN_H
#define VIEW_COLUMN_H
/*
 * Columns of tables for people: any field by its long or short name, and those that are made of several fields or of two
 * records of a socket (view_columns_help()). Times are shown in milliseconds, large numbers with K, M, G.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "record/record.h"

struct record_field;

#define VIEW_COLUMNS_MAX 32

/* Not known; below every value, so that such sockets come last. */
#define VIEW_NONE (-1.0)

enum view_rate { VIEW_SEND_RATE, VIEW_RECV_RATE, VIEW_RETRANS_RATE, VIEW_RATE_MAX_ };

/* How a cell that is too wide gets shorter. */
enum view_elide { VIEW_WHOLE, VIEW_END, VIEW_MIDDLE };

struct made_column;

struct view_column {
	const struct record_field *field; /* NULL for one that is made */
	const struct made_column *made;
	const char *name; /* the field's or its own */
	char heading[24];
	bool text; /* to the left, not added up */
	enum view_elide elide;
};

/* Find a column by name (len bytes), or by its heading in any case. Return false for an unknown name. */
bool view_column_find(struct view_column *c, const char *name, size_t len);
/* Offer the names of all columns. */
struct suggest;
void view_column_suggest(struct suggest *s);

/* Append the cell; nothing for a value that is not there. rates: VIEW_NONE where unknown. Never a control character. */
void view_cell(struct buf *b, const struct view_column *c, const struct record *r,
	       const double rates[static VIEW_RATE_MAX_]);
/* Append the value as JSON: raw numbers, null for none. */
void view_json(struct buf *b, const struct view_column *c, const struct record *r,
	       const double rates[static VIEW_RATE_MAX_]);
/* The value to sort and add by; VIEW_NONE when there is none or it is a text. */
double view_value(const struct view_column *c, const struct record *r,
		  const double rates[static VIEW_RATE_MAX_]);
/* Append a value as view_cell() shows it, such as the sum of several. */
void view_number(struct buf *b, const struct view_column *c, double value);
/* Return true when values of several sockets add up; of others the largest counts. */
bool view_adds_up(const struct view_column *c);

/* Append the names of the columns that are not fields, one per line. */
void view_columns_names(struct buf *b);
/* Append "name: meaning" lines of the columns that are not fields. */
void view_columns_help(struct buf *b);

#endif
