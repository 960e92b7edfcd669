/* SPDX-License-Identifier: MIT */
#ifndef VIEW_GROUP_H
#define VIEW_GROUP_H
/* Sockets that have a remote address, container, process or namespace in common. */
#include <stddef.h>

#include "base/buf.h"
#include "record/record.h"
#include "view/column.h"

enum view_group { GROUP_NONE, GROUP_REMOTE, GROUP_CONTAINER, GROUP_PROCESS, GROUP_NETNS, GROUP_MAX_ };

/* Find a group by name, "" for GROUP_NONE. Return GROUP_MAX_ for an unknown name. */
enum view_group group_find(const char *name);
const char *group_name(enum view_group group);

struct group_row {
	size_t key_at; /* in groups.keys, key_len bytes */
	uint32_t key_len, sockets;
	uint64_t bytes_sent, bytes_retrans;
	double values[VIEW_COLUMNS_MAX]; /* of the columns that are numbers */
};

struct groups {
	enum view_group by;
	const struct view_column *columns;
	size_t column_count;
	struct group_row *rows;
	size_t count, capacity;
	uint32_t *slots; /* hash table: number of the row plus 1, 0 for none */
	size_t slot_count;
	struct buf keys;
};

/* Add a socket to its group. 0 or -ENOMEM. */
int groups_add(struct groups *g, const struct record *r, const double rates[static VIEW_RATE_MAX_]);
void groups_free(struct groups *g);

#endif
