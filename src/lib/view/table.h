/* SPDX-License-Identifier: MIT */
#ifndef VIEW_TABLE_H
#define VIEW_TABLE_H
/*
 * Rows of cells that fit a terminal. A cell is shown whole or, for texts, with a ~ where
 * something is left out; a number is never cut: a column that does not fit is left out instead, the
 * least important one first.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "view/column.h"

struct view_table;

/* The columns must outlive the table; importance[i] of each, the smallest stays longest. NULL without memory. */
struct view_table *view_table_new(const struct view_column *columns, const unsigned *importance,
				  size_t count);
void view_table_free(struct view_table *t);

/* The cells of a row, one call per column from the first. mark: text around the row, such as a colour; borrowed. */
void view_table_row(struct view_table *t, const char *mark);
void view_table_cell(struct view_table *t, const char *text, size_t len);

/* Leave a column out when all its cells are empty. */
void view_table_hide_empty(struct view_table *t);

/* Append the header and the rows in lines of at most width characters; 0 for any. header_mark as mark. */
void view_table_print(struct view_table *t, size_t width, const char *header_mark, struct buf *b);

#endif
