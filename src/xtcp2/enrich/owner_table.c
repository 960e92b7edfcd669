/* SPDX-License-Identifier: MIT */
#include "enrich/owner_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stats/stats.h"

/* log2 of the places of an empty reading. */
#define ORDER_MIN 10

/* Places that are taken when their number doubles, of 8: a search ends soon, as sockets have neighbouring inodes. */
#define TAKEN_MAX 7

struct process {
	uint32_t pid;
	char comm[OWNER_COMM_SIZE];
	uint64_t place;
};

struct held {
	uint32_t inode;	      /* 0: free */
	uint32_t count;	      /* of processes */
	uint32_t named, last; /* processes: the one with the lowest number, and the one counted last */
};

struct reading {
	struct held *held;
	unsigned order; /* log2 of the places; 0 for none */
	size_t used;
	struct process *processes;
	size_t count, capacity;
};

struct owner_table {
	size_t sockets_max;
	struct reading next;  /* of the thread that reads */
	pthread_mutex_t lock; /* guards what counts */
	struct reading now;
};

static void reading_free(struct reading *r)
{
	free(r->held);
	free(r->processes);
	*r = (struct reading){0};
}

struct owner_table *owner_table_new(size_t sockets)
{
	struct owner_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->sockets_max = sockets;
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void owner_table_free(struct owner_table *t)
{
	if (!t)
		return;
	reading_free(&t->next);
	reading_free(&t->now);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct held *place_of(const struct reading *r, uint32_t inode)
{
	size_t at = hash_slot(inode, r->order), mask = ((size_t)1 << r->order) - 1;

	while (r->held[at].inode && r->held[at].inode != inode)
		at = (at + 1) & mask;
	return &r->held[at];
}

static int grow(struct reading *r)
{
	struct reading larger = {.order = r->order ? r->order + 1 : ORDER_MIN};

	larger.held = calloc((size_t)1 << larger.order, sizeof(*larger.held));
	if (!larger.held)
		return -ENOMEM;
	for (size_t i = 0; r->order && i < (size_t)1 << r->order; i++) {
		if (r->held[i].inode)
			*place_of(&larger, r->held[i].inode) = r->held[i];
	}
	free(r->held);
	r->held = larger.held;
	r->order = larger.order;
	return 0;
}

int owner_table_begin(struct owner_table *t)
{
	struct reading *r = &t->next;

	r->used = r->count = 0;
	if (!r->order)
		return grow(r);
	memset(r->held, 0, sizeof(*r->held) << r->order);
	return 0;
}

int owner_table_process(struct owner_table *t, uint32_t pid, const char *comm, uint64_t place)
{
	struct reading *r = &t->next;

	if (r->count > 0 && r->processes[r->count - 1].pid == pid)
		return 0;
	if (r->count == r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 256;
		struct process *more = reallocarray(r->processes, capacity, sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->processes = more;
		r->capacity = capacity;
	}
	struct process *p = &r->processes[r->count++];
	p->pid = pid;
	p->place = place;
	owner_comm_copy(p->comm, comm, OWNER_COMM_SIZE);
	return 0;
}

int owner_table_socket(struct owner_table *t, uint32_t inode)
{
	struct reading *r = &t->next;
	struct held *h = place_of(r, inode);
	uint32_t process = (uint32_t)r->count - 1;

	if (h->inode) {
		h->count += h->last != process;
		h->last = process;
		if (r->processes[process].pid < r->processes[h->named].pid)
			h->named = process;
		return 0;
	}
	if (r->used == t->sockets_max) {
		stat_add(STAT_OWNER_EVICTED, 1);
		return 0;
	}
	if (8 * (r->used + 1) > (size_t)TAKEN_MAX << r->order) {
		if (grow(r) < 0)
			return -ENOMEM;
		h = place_of(r, inode);
	}
	*h = (struct held){.inode = inode, .count = 1, .named = process, .last = process};
	r->used++;
	return 0;
}

void owner_table_end(struct owner_table *t, bool whole)
{
	if (!whole)
		return;
	pthread_mutex_lock(&t->lock);
	struct reading before = t->now;
	t->now = t->next;
	t->next = before;
	pthread_mutex_unlock(&t->lock);
}

void owner_table_prefetch(const struct owner_table *t, uint32_t inode)
{
	if (t->now.order)
		__builtin_prefetch(&t->now.held[hash_slot(inode, t->now.order)]);
}

bool owner_table_find(struct owner_table *t, uint32_t inode, struct owner *found)
{
	const struct held *h = NULL;

	pthread_mutex_lock(&t->lock);
	if (t->now.order && inode)
		h = place_of(&t->now, inode);
	if (h && h->inode) {
		const struct process *p = &t->now.processes[h->named];
		found->pid = p->pid;
		found->others = h->count - 1;
		found->place = p->place;
		memcpy(found->comm, p->comm, sizeof(found->comm));
	}
	bool known = h && h->inode;
	pthread_mutex_unlock(&t->lock);
	return known;
}
