/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_TOP_H
#define CLIENT_TOP_H
/*
 * The live table of xtcp2client -format top: the sockets of the last poll, sorted by
 * one column, the largest first.
 *
 * Besides the record's fields there are the columns send_rate and recv_rate: bytes
 * per second between the last two records of a socket.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct top;

/* Create a table. columns: comma-separated, NULL or "" for the default. NULL with one sentence in error. */
struct top *top_new(const char *columns, const char *sort, char *error, size_t size);
void top_free(struct top *t);

/* Add the wire bytes of one record; damaged ones are counted. */
void top_take(struct top *t, struct str wire);

/*
 * Append the current table: a line of totals, the header, and as many sockets as fit
 * `height` lines of `width` columns. With width 0 lines are not cut.
 */
void top_render(struct top *t, size_t width, size_t height, struct buf *b);

/* Sort by the next column, or with -1 by the previous one. */
void top_sort_move(struct top *t, int direction);

#endif
