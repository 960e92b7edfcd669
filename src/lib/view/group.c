/* SPDX-License-Identifier: MIT */
#include "view/group.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/field.h"
#include "record/format.h"

#define ROWS_FIRST 256

static void remote_key(struct buf *b, const struct record *r)
{
	if (r->sections & RECORD_HAS(DIAG) && r->inet_diag_msg_socket_destination.len)
		format_address(b, r->inet_diag_msg_socket_destination);
}

static void text_key(struct buf *b, struct str text)
{
	buf_append(b, text.p, text.len);
}

static void container_key(struct buf *b, const struct record *r)
{
	text_key(b, r->container_name.len ? r->container_name : r->container_id);
}

static void process_key(struct buf *b, const struct record *r)
{
	text_key(b, r->comm);
	if (r->pid)
		buf_printf(b, "/%u", (unsigned)r->pid);
}

static void netns_key(struct buf *b, const struct record *r)
{
	text_key(b, r->netns);
}

static const struct {
	const char *name;
	void (*key)(struct buf *b, const struct record *r);
} kinds[] = {
    [GROUP_NONE] = {"", NULL},
    [GROUP_REMOTE] = {"remote", remote_key},
    [GROUP_CONTAINER] = {"container", container_key},
    [GROUP_PROCESS] = {"process", process_key},
    [GROUP_NETNS] = {"netns", netns_key},
};
static_assert(ARRAY_SIZE(kinds) == GROUP_MAX_, "a row for each group");

enum view_group group_find(const char *name)
{
	enum view_group g = GROUP_NONE;

	while (g < GROUP_MAX_ && strcmp(kinds[g].name, name) != 0)
		g++;
	return g;
}

const char *group_name(enum view_group group)
{
	return kinds[group].name;
}

/* FNV-1a */
static uint64_t hash_of(const uint8_t *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* The slot where the key is or belongs. */
static uint32_t *slot_of(const struct groups *g, const uint8_t *key, size_t len)
{
	size_t i = hash_of(key, len) & (g->slot_count - 1);

	for (; g->slots[i]; i = (i + 1) & (g->slot_count - 1)) {
		const struct group_row *row = &g->rows[g->slots[i] - 1];
		if (row->key_len == len && (len == 0 || memcmp(g->keys.data + row->key_at, key, len) == 0))
			break;
	}
	return &g->slots[i];
}

/* Twice the rows, in a hash table that is at most half full. */
static int grow(struct groups *g)
{
	size_t capacity = g->capacity ? g->capacity * 2 : ROWS_FIRST;
	struct group_row *rows = reallocarray(g->rows, capacity, sizeof(*rows));
	uint32_t *slots = calloc(capacity * 2, sizeof(*slots));

	if (rows)
		g->rows = rows;
	if (!rows || !slots) {
		free(slots);
		return -ENOMEM;
	}
	free(g->slots);
	g->slots = slots;
	g->slot_count = capacity * 2;
	g->capacity = capacity;
	for (size_t i = 0; i < g->count; i++)
		*slot_of(g, g->keys.data + rows[i].key_at, rows[i].key_len) = (uint32_t)i + 1;
	return 0;
}

/* The row of the key that was appended at key_at; an old row leaves the key behind it out again. */
static struct group_row *row_of(struct groups *g, size_t key_at)
{
	size_t len = g->keys.len - key_at;
	const uint8_t empty[1] = {0}, *key = len ? g->keys.data + key_at : empty;
	uint32_t *slot = slot_of(g, key, len);

	if (*slot) {
		g->keys.len = key_at;
		return &g->rows[*slot - 1];
	}
	struct group_row *row = &g->rows[g->count++];
	*slot = (uint32_t)g->count;
	*row = (struct group_row){.key_at = key_at, .key_len = (uint32_t)len};
	for (size_t i = 0; i < g->column_count; i++)
		row->values[i] = VIEW_NONE;
	return row;
}

int groups_add(struct groups *g, const struct record *r, const double rates[static VIEW_RATE_MAX_])
{
	size_t key_at = g->keys.len;

	if (g->count == g->capacity && grow(g) < 0)
		return -ENOMEM;
	kinds[g->by].key(&g->keys, r);
	if (!buf_ok(&g->keys))
		return -ENOMEM;
	struct group_row *row = row_of(g, key_at);
	row->sockets++;
	if (r->sections & RECORD_HAS(TCP_INFO)) {
		row->bytes_sent += r->tcp_info_bytes_sent;
		row->bytes_retrans += r->tcp_info_bytes_retrans;
	}
	for (size_t i = 0; i < g->column_count; i++) {
		double value = view_value(&g->columns[i], r, rates), *sum = &row->values[i];

		if (value < 0)
			continue;
		if (*sum < 0)
			*sum = value;
		else if (view_adds_up(&g->columns[i]))
			*sum += value;
		else
			*sum = value > *sum ? value : *sum;
	}
	return 0;
}

void groups_free(struct groups *g)
{
	free(g->rows);
	free(g->slots);
	buf_free(&g->keys);
	*g = (struct groups){0};
}
