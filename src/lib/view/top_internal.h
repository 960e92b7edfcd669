/* SPDX-License-Identifier: MIT */
#ifndef VIEW_TOP_INTERNAL_H
#define VIEW_TOP_INTERNAL_H
/* The table's state, for the files that order its rows (rows.c) and write them (top_draw.c). */
#include "filter/filter.h"
#include "view/column.h"
#include "view/group.h"
#include "view/sockets.h"
#include "view/top.h"

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

#endif
