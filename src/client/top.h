/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_TOP_H
#define CLIENT_TOP_H
/*
 * The live table of xtcp2client -format top: the sockets of the last poll, the
 * largest of one column first.
 *
 * Beside the record's fields there are the columns send_rate and recv_rate:
 * bytes a second between the last two records of a socket.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct top;

/* columns: comma-separated, NULL or "" for the usual ones. NULL with one sentence in error. */
struct top *top_new(const char *columns, const char *sort, char *error, size_t size);
void top_free(struct top *t);

/* Takes the wire bytes of one record; damaged ones are counted. */
void top_take(struct top *t, struct str wire);

/*
 * Appends the table as it is now: a line of totals, the header, and as many
 * sockets as fit height lines of width columns; width 0 does not cut lines.
 */
void top_render(struct top *t, size_t width, size_t height, struct buf *b);

/* The next column becomes the one sorted by, or with -1 the one before. */
void top_sort_move(struct top *t, int direction);

#endif
