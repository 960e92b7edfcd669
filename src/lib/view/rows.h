/* SPDX-License-Identifier: MIT */
#ifndef VIEW_ROWS_H
#define VIEW_ROWS_H
/* The sockets of a table that its filters take, or their groups, in its order. */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "view/group.h"

struct seen_socket;
struct top;

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

/* Make the rows as the table is now; false without memory. They borrow from it: rows_free() before its next change. */
bool rows_collect(const struct top *t, struct rows *rows);
void rows_free(struct rows *rows);

#endif
