/* SPDX-License-Identifier: MIT */
#include "tally/tally.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/record.h"
#include "stats/stats.h"
#include "tally/labels.h"
#include "tally/sums.h"
#include "tally/traffic.h"

/* A group leaves when this many polls have found neither a socket nor a final record of it. */
#define ABSENT_POLLS 3

#define FILL_SCALE 1000000

const uint32_t tally_rtt_bounds_us[TALLY_RTT_BOUNDS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000};

const struct tally_family tally_families[] = {
#define FIGURE(KIND, member, name, scale, help) \
	{name, TALLY_KIND_##KIND, offsetof(struct tally_figures, member), scale, help},
#include "tally/figures.def"
#undef FIGURE
    {NULL},
};

struct group {
	struct tally_group shown; /* first: tally_next() returns it */
	uint8_t *key;		  /* owned; NULL for a free place and for "other" */
	size_t key_len;
	uint32_t absent; /* polls in a row without anything of it */
	size_t row;	 /* its row in `merged`, 0 for none; while tally_end() runs */
};

struct tally_part {
	struct tally_part *next;
	struct tally *tally;
	pthread_mutex_t lock; /* of tally_add_closed() and tally_end() */
	struct sums sums;
	uint64_t untracked;
	/* The group of the last socket: the next one is often of the same. */
	uint8_t last_key[LABELS_KEY_MAX];
	size_t last_len, last_row;
};

struct tally {
	const struct label *labels[TALLY_LABELS_MAX];
	size_t label_count;
	struct traffic *traffic;
	struct tally_part *parts;
	struct sums merged;
	size_t top;
	struct group *groups; /* top + 1 places; 0 is "other" */
	uint8_t other_key[LABELS_KEY_MAX];
	size_t other_len;
};

/* Set t->labels. false for an unknown name and for one that comes twice. */
static bool labels_parse(struct tally *t, const char *text)
{
	if (strcmp(text, "none") == 0)
		return true;
	for (size_t len;; text += len + 1) {
		len = strcspn(text, ",");
		const struct label *label = label_find(text, len);
		if (!label)
			return false;
		for (size_t i = 0; i < t->label_count; i++)
			if (t->labels[i] == label)
				return false;
		t->labels[t->label_count++] = label;
		if (!text[len])
			return true;
	}
}

static void values_of_key(const struct tally *t, const uint8_t *key, struct str *values)
{
	for (size_t i = 0; i < t->label_count; i++) {
		values[i] = (struct str){(const char *)key + 1, key[0]};
		key += 1 + key[0];
	}
}

struct tally *tally_new(const struct tally_options *options, char *error, size_t size)
{
	struct tally *t = calloc(1, sizeof(*t));

	*error = '\0';
	if (!t)
		return NULL;
	t->top = options->top;
	if (!labels_parse(t, options->labels)) {
		snprintf(
		    error, size,
		    "must be off, none, or a list of netns, container, pod, pod_namespace, unit and process, each once");
		tally_free(t);
		errno = EINVAL;
		return NULL;
	}
	t->traffic = traffic_new(options->sockets);
	t->groups = calloc(t->top + 1, sizeof(*t->groups));
	if (!t->traffic || !t->groups) {
		tally_free(t);
		errno = ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < t->label_count; i++)
		t->other_len = label_append(t->other_key, t->other_len, str_of(TALLY_OTHER));
	values_of_key(t, t->other_key, t->groups[0].shown.values);
	return t;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	for (struct tally_part *p = t->parts, *next; p; p = next) {
		next = p->next;
		sums_free(&p->sums);
		pthread_mutex_destroy(&p->lock);
		free(p);
	}
	for (size_t i = 0; t->groups && i <= t->top; i++)
		free(t->groups[i].key);
	free(t->groups);
	sums_free(&t->merged);
	traffic_free(t->traffic);
	free(t);
}

struct tally_part *tally_part_new(struct tally *t)
{
	struct tally_part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->tally = t;
	p->next = t->parts;
	t->parts = p;
	return p;
}

/* The row of the record's group; NULL without memory. */
static struct sum *row_of(struct tally_part *p, const struct record *r)
{
	const struct tally *t = p->tally;
	uint8_t key[LABELS_KEY_MAX];
	size_t len = 0;

	key[0] = 0;
	for (size_t i = 0; i < t->label_count; i++)
		len = label_append(key, len, t->labels[i]->value(r));
	if (p->sums.count > 0 && len == p->last_len && memcmp(key, p->last_key, len) == 0)
		return &p->sums.rows[p->last_row];
	struct sum *row = sums_row(&p->sums, key, len);
	if (row) {
		memcpy(p->last_key, key, len);
		p->last_len = len;
		p->last_row = (size_t)(row - p->sums.rows);
	}
	return row;
}

static void observe(struct tally_histogram *h, uint32_t us)
{
	unsigned bucket = 0;

	for (unsigned i = 0; i < TALLY_RTT_BOUNDS; i++)
		bucket += us > tally_rtt_bounds_us[i];
	h->buckets[bucket]++;
	h->count++;
	h->sum_us += us;
}

/* A queue is full when more wait than its limit, as in the kernel's sk_acceptq_is_full(). */
static void add_listener(struct tally_figures *f, const struct record *r)
{
	uint64_t waiting = r->inet_diag_msg_rqueue, limit = r->inet_diag_msg_wqueue;
	uint64_t fill = waiting * FILL_SCALE / (limit + 1);

	f->accept_queue += waiting;
	f->accept_limit += limit;
	f->accept_full += waiting > limit;
	if (f->accept_fill < fill)
		f->accept_fill = fill;
}

static void add_socket(struct tally_figures *f, const struct record *r, const struct traffic_delta *d)
{
	uint32_t state = r->inet_diag_msg_state;

	f->sockets[state < TALLY_STATES ? state : 0]++;
	if (state == TCP_LISTEN) {
		add_listener(f, r);
		return;
	}
	f->receive_queue += r->inet_diag_msg_rqueue;
	f->send_queue += r->inet_diag_msg_wqueue;
	/* One of a connection that was idle since the last poll was observed by an earlier one. */
	if (r->sections & RECORD_HAS(TCP_INFO) && r->tcp_info_rtt > 0 &&
	    (d->first || d->untracked || d->received_segments > 0))
		observe(&f->rtt, r->tcp_info_rtt);
}

static void add_traffic(struct tally_figures *f, const struct traffic_delta *d)
{
	f->sent_bytes += d->sent_bytes;
	f->retransmitted_bytes += d->retransmitted_bytes;
	f->received_bytes += d->received_bytes;
	f->sent_segments += d->sent_segments;
	f->retransmitted_segments += d->retransmitted_segments;
	f->received_segments += d->received_segments;
	f->listen_drops += d->listen_drops;
}

void tally_expect(const struct tally_part *p, uint64_t cookie)
{
	traffic_expect(p->tally->traffic, cookie);
}

void tally_add(struct tally_part *p, const struct record *r, bool counted)
{
	struct traffic_delta delta = traffic_add(p->tally->traffic, r);
	struct sum *row = counted ? row_of(p, r) : NULL;

	p->untracked += delta.untracked;
	if (!row)
		return;
	add_socket(&row->figures, r, &delta);
	add_traffic(&row->figures, &delta);
}

void tally_add_closed(struct tally_part *p, const struct record *r)
{
	struct traffic_delta delta = traffic_close(p->tally->traffic, r);

	pthread_mutex_lock(&p->lock);
	struct sum *row = row_of(p, r);
	if (row)
		add_traffic(&row->figures, &delta);
	pthread_mutex_unlock(&p->lock);
}

void tally_begin(struct tally *t, int64_t now_ns)
{
	traffic_begin(t->traffic, now_ns);
}

/* Move what the parts have to t->merged. Return the untracked sockets. */
static uint64_t merge(struct tally *t)
{
	uint64_t untracked = 0;

	sums_reset(&t->merged);
	for (struct tally_part *p = t->parts; p; p = p->next) {
		pthread_mutex_lock(&p->lock);
		for (size_t i = 0; i < p->sums.count; i++) {
			const struct sum *from = &p->sums.rows[i];
			struct sum *to = i == 0
					     ? sums_other(&t->merged)
					     : sums_row(&t->merged, sum_key(&p->sums, from), from->key_len);
			if (to)
				figures_add(&to->figures, &from->figures);
		}
		sums_reset(&p->sums);
		untracked += p->untracked;
		p->untracked = 0;
		pthread_mutex_unlock(&p->lock);
	}
	return untracked;
}

static void leave(struct group *g)
{
	free(g->key);
	*g = (struct group){0};
}

static uint64_t sockets_of(const struct tally *t, const struct group *g)
{
	return g->row ? figures_sockets(&t->merged.rows[g->row].figures) : 0;
}

/* Find the rows of the groups that have a place; those that were absent for long leave. */
static void find_rows(struct tally *t, bool complete)
{
	for (size_t i = 1; i <= t->top; i++) {
		struct group *g = &t->groups[i];
		if (!g->key)
			continue;
		g->row = sums_find(&t->merged, g->key, g->key_len);
		if (g->row)
			g->absent = 0;
		else if (complete && ++g->absent >= ABSENT_POLLS)
			leave(g);
	}
}

struct candidate {
	size_t row;
	uint64_t sockets;
};

/* The largest first. */
static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->sockets < y->sockets ? 1 : x->sockets > y->sockets ? -1 : 0;
}

/* List the rows that have no group. Return their number. */
static size_t list_candidates(const struct tally *t, struct candidate *list)
{
	bool placed[SUMS_MAX] = {false};
	size_t count = 0;

	for (size_t i = 1; i <= t->top; i++)
		placed[t->groups[i].row] = true;
	for (size_t i = 1; i < t->merged.count; i++) {
		const struct sum *row = &t->merged.rows[i];
		struct candidate c = {i, figures_sockets(&row->figures)};
		bool other = row->key_len == t->other_len &&
			     memcmp(sum_key(&t->merged, row), t->other_key, t->other_len) == 0;
		if (!placed[i] && !other)
			list[count++] = c;
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), compare);
	return count;
}

/* Return a free place, else the one with the fewest sockets. NULL when there is none at all. */
static struct group *worst_place(const struct tally *t)
{
	struct group *worst = NULL;

	for (size_t i = 1; i <= t->top; i++) {
		struct group *g = &t->groups[i];
		if (!g->key)
			return g;
		if (!worst || sockets_of(t, g) < sockets_of(t, worst))
			worst = g;
	}
	return worst;
}

static bool enter(struct tally *t, struct group *g, size_t row)
{
	const struct sum *sum = &t->merged.rows[row];
	uint8_t *key = malloc(sum->key_len);

	if (!key)
		return false;
	leave(g);
	memcpy(key, sum_key(&t->merged, sum), sum->key_len);
	g->key = key;
	g->key_len = sum->key_len;
	g->row = row;
	values_of_key(t, key, g->shown.values);
	return true;
}

/* Give the candidates places. Return how many have none. */
static size_t place(struct tally *t)
{
	struct candidate list[SUMS_MAX];
	size_t count = list_candidates(t, list), i = 0;

	for (; i < count; i++) {
		struct group *g = worst_place(t);
		if (!g || (g->key && list[i].sockets <= 2 * sockets_of(t, g)) || !enter(t, g, list[i].row))
			break;
	}
	return count - i;
}

void tally_end(struct tally *t, bool complete)
{
	bool placed[SUMS_MAX] = {false};
	struct group *other = &t->groups[0];
	uint64_t untracked = merge(t);

	find_rows(t, complete);
	stat_set(STAT_TALLY_FOLDED, place(t));
	stat_set(STAT_TALLY_UNTRACKED, untracked);
	for (size_t i = 1; i <= t->top; i++) {
		struct group *g = &t->groups[i];
		if (!g->row && !complete)
			figures_keep_gauges(&g->shown.poll);
		else
			g->shown.poll = g->row ? t->merged.rows[g->row].figures : (struct tally_figures){0};
		figures_add(&g->shown.total, &g->shown.poll);
		placed[g->row] = true;
		g->row = 0;
	}
	other->shown.poll = (struct tally_figures){0};
	for (size_t i = 0; i < t->merged.count; i++)
		if (i == 0 || !placed[i])
			figures_add(&other->shown.poll, &t->merged.rows[i].figures);
	figures_add(&other->shown.total, &other->shown.poll);
	traffic_end(t->traffic, complete);
}

size_t tally_label_count(const struct tally *t)
{
	return t->label_count;
}

const char *tally_label(const struct tally *t, size_t i)
{
	return t->labels[i]->name;
}

enum tally_need tally_label_need(const struct tally *t, size_t i)
{
	return t->labels[i]->need;
}

const struct tally_group *tally_next(const struct tally *t, const struct tally_group *group)
{
	size_t i = group ? (size_t)((const struct group *)group - t->groups) + 1 : 0;

	while (i > 0 && i <= t->top && !t->groups[i].key)
		i++;
	return i <= t->top ? &t->groups[i].shown : NULL;
}
