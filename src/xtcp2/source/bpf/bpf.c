/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: BPF source
 *
 * A netlink dump of one namespace walks the host's table of sockets, so that
 * reading all namespaces costs namespaces times sockets. This source walks the
 * table once and sorts the sockets by namespace afterwards: one pass, whatever
 * the number of namespaces, and without the locks that a dump takes.
 *
 * A poll: list the tables (the host's own and those that a namespace has for
 * itself), then go through listeners, bound sockets where they are asked for,
 * and established connections. A table is read in slices: a program in the
 * kernel copies ranges of some sockets' memory into a shared array and ends
 * after SLICE_NS, so that nobody else waits longer for the processor. From the
 * bytes follow the same structures that inet_diag sends (tcp_info.c), which
 * go through the same decoder. Cookies that no socket has yet are asked for
 * once (ask.h). Before that a pass through the descriptors of all processes
 * tells who holds the sockets (descriptors.c).
 *
 * Not a snapshot: as in a dump, each socket is read at its own moment, and one
 * that moves from table to table during a poll may be met twice; the cookie
 * tells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "netns/files.h"
#include "source/bpf/ask.h"
#include "source/bpf/pass.h"

/* The program begins no other bucket after this. Few sockets at a time also stay in the processor's cache. */
#define SLICE_NS (300 * 1000)

/* Sockets from one whose record is made to one whose owner and counts begin to be loaded: some microseconds. */
#define AHEAD 8

/* Times the list of namespaces is begun anew when the one to go on behind has gone. */
#define NETS_ATTEMPTS 3

/* Sockets of a chain longer than all slots that are read twice where it is cut. */
#define CHAIN_OVERLAP 64

#define LOG_NS (60 * NS_PER_SEC)

static void bpf_free(struct source *s)
{
	if (!s)
		return;
	cookie_set_free(&s->seen);
	names_free(&s->names);
	free(s->tables);
	free(s);
}

static struct source *bpf_create(const struct source_config *config, unsigned worker)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->worker = worker;
	s->walker = config->walker;
	int r = !s->walker ? -EOPNOTSUPP : names_reset(&s->names);
	if (r < 0) {
		bpf_free(s);
		errno = -r;
		return NULL;
	}
	return s;
}

/* --- tables --- */

/* One slice. 0 or -errno. */
static int run_slice(struct poll_pass *p)
{
	struct source *s = p->source;
	const struct walk_answer *a = s->walker->answer;
	int r = walker_run(s->walker);

	p->record->timestamp_ns = clock_real_ns();
	if (r < 0)
		return r;
	s->count[STAT_BPF_SLICES]++;
	s->count[STAT_BPF_NS] += a->ns;
	s->count[STAT_BPF_MOVED] += a->moved;
	s->count[STAT_BPF_LOST] += a->lost;
	s->count[STAT_BPF_FAULTS] += a->faults;
	s->count[STAT_BPF_CUT_CHAINS] += a->skip > 0;
	if (a->ns > s->slice_max_ns)
		s->slice_max_ns = a->ns;
	return 0;
}

/*
 * Listeners and bound sockets that lack a cookie get it by a dump of these few in their namespaces: an exact lookup
 * cannot tell those of one port apart. Return true when the slice is worth reading again.
 */
static bool ask_for_listeners(struct poll_pass *p, uint32_t kind)
{
	const struct walker *w = p->source->walker;
	/* Not both: for bound sockets the kernel goes through all that have a port, connections too. */
	uint32_t state = kind == WALK_LHASH ? STATE_LISTEN : STATE_BOUND_INACTIVE;
	uint64_t last = 0;
	bool asked = false;

	for (uint32_t i = 0; i < w->answer->count; i++) {
		const struct walk_slot *slot = &w->slots[i];
		if (member_of(&w->layout, slot->raw, M_COOKIE) || slot->net_cookie == last ||
		    !pass_is_socket(&w->layout, slot))
			continue;
		last = slot->net_cookie;
		const struct name *name =
		    names_find(&p->source->names, p->table, slot->net_cookie, slot->net_inode);
		if (!name || !name->ns)
			continue;
		p->source->count[STAT_BPF_ASKED]++;
		asked |= ask_all(name->ns, UINT32_C(1) << state) == 0;
	}
	p->named_cookie = 0; /* the cache of names may have moved */
	return asked;
}

/* Read one table. 0, -errno, or what emit() returned with *stop set. */
static int read_table(struct poll_pass *p, const struct walk_request *request, bool *stop)
{
	struct walker *w = p->source->walker;
	const struct walk_answer *a = w->answer;
	bool again = request->kind != WALK_EHASH;

	*w->request = *request;
	for (;;) {
		if (clock_mono_ns() >= p->deadline_ns) {
			p->result->timed_out = true;
			return -ETIMEDOUT;
		}
		int r = run_slice(p);
		if (r < 0 || a->gone)
			return r;
		if (again && ask_for_listeners(p, request->kind)) {
			again = false;
			continue;
		}
		again = request->kind != WALK_EHASH;
		uint32_t bucket = a->bucket, skip = a->skip;
		for (uint32_t i = 0; i < a->count; i++) {
			if (i + AHEAD < a->count)
				pass_prefetch(p, &w->slots[i + AHEAD]);
			r = pass_take_socket(p, &w->slots[i]);
			if (r < 0) {
				*stop = true;
				return r;
			}
		}
		if (bucket >= a->buckets)
			return 0;
		/* A chain that is continued overlaps with what was read: sockets may have left it in front. */
		w->request->bucket = bucket;
		w->request->skip = skip > CHAIN_OVERLAP ? skip - CHAIN_OVERLAP : 0;
	}
}

static int add_table(struct source *s, const struct walk_table *table)
{
	if (s->table_count == s->table_capacity) {
		size_t capacity = s->table_capacity ? 2 * s->table_capacity : WALK_TABLES;
		struct walk_table *more = reallocarray(s->tables, capacity, sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->tables = more;
		s->table_capacity = capacity;
	}
	s->tables[s->table_count++] = *table;
	return 0;
}

/* List the tables: one that the namespaces share, and those that one has for itself. 0 or -errno. */
static int list_tables(struct source *s)
{
	struct walk_nets *nets = s->walker->nets;
	int r = 0;

	for (int attempt = 0; attempt < NETS_ATTEMPTS; attempt++) {
		s->table_count = 0;
		nets->after = 0;
		do {
			nets->budget_ns = SLICE_NS;
			r = walker_run_nets(s->walker);
			if (nets->ns > s->slice_max_ns)
				s->slice_max_ns = nets->ns;
			for (uint32_t i = 0; i < nets->count && r == 0; i++)
				r = add_table(s, &nets->tables[i]);
		} while (r == 0 && !nets->done && !nets->lost);
		if (r < 0 || nets->done)
			return r;
		s->count[STAT_BPF_MOVED]++;
	}
	return -EAGAIN;
}

/* Read all tables. 0, the last error, or what emit() returned with *stop set. */
static int read_tables(struct poll_pass *p, bool *stop)
{
	struct source *s = p->source;
	uint32_t states = s->config.states;
	int r = 0, error = 0;

	for (size_t i = 0; i < s->table_count && !*stop && !p->result->timed_out; i++) {
		const struct walk_table *t = &s->tables[i];
		struct walk_request q = {.hashinfo = t->hashinfo, .states = states, .budget_ns = SLICE_NS};
		if (t->private) {
			q.net = t->net;
			q.net_cookie = t->net_cookie;
		}
		/* A private table has established connections alone; the others are in tables that all share. */
		q.kind = WALK_LHASH;
		if (!t->private && states >> STATE_LISTEN & 1)
			r = read_table(p, &q, stop);
		if (r == 0 && !t->private && states >> STATE_BOUND_INACTIVE & 1 &&
		    s->walker->layout.bound_inactive) {
			q.kind = WALK_BHASH;
			r = read_table(p, &q, stop);
		}
		q.kind = WALK_EHASH;
		if (r == 0 && states & ~(UINT32_C(1) << STATE_LISTEN | UINT32_C(1) << STATE_BOUND_INACTIVE))
			r = read_table(p, &q, stop);
		if (r < 0)
			error = r;
		r = 0;
	}
	return error;
}

/* Close the sockets by which cookies were asked for where descriptors are short. */
static void close_some(struct source *s)
{
	for (size_t i = 0; i < s->names.size; i++) {
		struct netns *ns = s->names.slots[i].cookie ? s->names.slots[i].ns : NULL;
		if (ns && ns->state == NETNS_OPEN && !netns_files_keep())
			netns_close(ns);
	}
}

static void publish(struct source *s)
{
	for (int i = 0; i < STAT_MAX_; i++)
		stat_add(i, s->count[i]);
	stat_set(STAT_BPF_SLICE_MAX_NS, s->slice_max_ns);
	stat_set(STAT_BPF_TABLES, s->table_count);
	source_count_decode(&s->decode);
}

static void log_failure(int error)
{
	static struct log_limit limit;
	uint64_t suppressed;

	if (log_limit_pass(&limit, LOG_NS, &suppressed))
		log_warn(
		    "bpf",
		    "a walk over the kernel's sockets failed: %s; %llu more like this in the last minute",
		    strerror(-error), (unsigned long long)suppressed);
}

static int bpf_dump_all(struct source *s, struct netns_table *table, struct record *record,
			struct record_sink *sink, int64_t deadline_ns, struct dump_result *result)
{
	struct poll_pass p = {.source = s,
			      .table = table,
			      .record = record,
			      .sink = sink,
			      .deadline_ns = deadline_ns,
			      .result = result};
	bool stop = false;

	*result = (struct dump_result){0};
	int r = cookie_set_reset(&s->seen);
	if (r == 0)
		r = names_reset(&s->names);
	if (r < 0)
		return r;
	memset(s->count, 0, sizeof(s->count));
	s->decode = (struct decode_counts){0};
	s->slice_max_ns = 0;
	record->sections |= RECORD_HAS(META);
	record->netlinker_id = s->worker;
	record->socket_fd = 0;
	pass_read_descriptors(&p);
	r = list_tables(s);
	if (r == 0)
		r = read_tables(&p, &stop);
	result->partial = r < 0;
	s->count[STAT_BPF_SOCKETS] = result->messages;
	close_some(s);
	publish(s);
	if (r < 0 && !stop && !result->timed_out)
		log_failure(r);
	return stop || result->messages == 0 ? r : 0;
}

const struct source_ops source_bpf = {
    .create = bpf_create,
    .free = bpf_free,
    .dump_all = bpf_dump_all,
};
