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
 * once (ask.h).
 *
 * Not a snapshot: as in a dump, each socket is read at its own moment, and one
 * that moves from table to table during a poll may be met twice; the cookie
 * tells.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enrich/attribute.h"
#include "enrich/enrichment.h"
#include "netns/files.h"
#include "source/bpf/ask.h"
#include "source/bpf/names.h"
#include "source/bpf/tcp_info.h"
#include "source/bpf/walker.h"
#include "source/cookie_set.h"
#include "source/known_sockets.h"
#include "source/source.h"
#include "stats/stats.h"

/* The program begins no other bucket after this. Few sockets at a time also stay in the processor's cache. */
#define SLICE_NS (300 * 1000)

/* Times the list of namespaces is begun anew when the one to go on behind has gone. */
#define NETS_ATTEMPTS 3

/* Sockets of a chain longer than all slots that are read twice where it is cut. */
#define CHAIN_OVERLAP 64

/* include/net/tcp_states.h */
#define STATE_TIME_WAIT	     6
#define STATE_CLOSE	     7
#define STATE_LISTEN	     10
#define STATE_BOUND_INACTIVE 13

#define LOG_NS (60 * NS_PER_SEC)

struct source {
	struct source_config config;
	unsigned worker;
	struct walker *walker; /* borrowed */
	struct cookie_set seen;
	struct names names;
	struct walk_table *tables;
	size_t table_count, table_capacity;
	struct decode_counts decode;
	uint64_t count[STAT_MAX_];
	uint64_t slice_max_ns;
	struct {
		struct nlattr nla;
		char name[WALK_NAME];
	} ulp;			 /* of the record that is emitted */
	struct attribution room; /* texts that it borrows */
};

struct poll_pass {
	struct source *source;
	struct netns_table *table;
	struct record *record;
	struct record_sink *sink;
	int64_t deadline_ns;
	struct dump_result *result;
	const struct name *named; /* of the last record */
	uint64_t named_cookie;
};

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

/* --- one socket --- */

static bool is_socket(const struct layout *l, const struct walk_slot *slot)
{
	uint64_t family = member_of(l, slot->raw, M_FAMILY);

	if ((family != AF_INET && family != AF_INET6) || !slot->net_cookie)
		return false;
	return slot->kind != WALK_FULL || (member_of(l, slot->raw, M_PROTOCOL) == IPPROTO_TCP &&
					   member_of(l, slot->raw, M_TYPE) == SOCK_STREAM);
}

/* Set the fields of the namespace where they differ from the last record's. */
static int set_netns(struct poll_pass *p, const struct walk_slot *slot)
{
	if (p->named_cookie == slot->net_cookie)
		return 0;
	p->named = names_find(&p->source->names, p->table, slot->net_cookie, slot->net_inode);
	if (!p->named)
		return -ENOMEM;
	p->named_cookie = slot->net_cookie;
	if (p->named->ns)
		source_set_netns(p->record, p->named->ns);
	else
		source_set_unnamed_netns(p->record, slot->net_inode, slot->net_cookie);
	return 0;
}

static bool asked_for(const struct source *s, int attribute)
{
	return s->config.ext >> (attribute - 1) & 1;
}

/* One attribute with the bytes that inet_diag would have sent. */
static void put(struct poll_pass *p, int type, const void *value, size_t len)
{
	decode_value(&p->source->config.decode, type, value, len, p->record, &p->source->decode);
}

static void put_byte(struct poll_pass *p, int type, uint64_t value)
{
	uint8_t byte = (uint8_t)value;

	put(p, type, &byte, sizeof(byte));
}

/* net/ipv4/inet_diag.c: inet_diag_msg_attrs_fill() */
static void put_common(struct poll_pass *p, const struct walk_slot *slot, const struct abi_inet_diag_msg *msg)
{
	const struct source *s = p->source;
	const struct layout *l = &s->walker->layout;
	uint16_t options = sockopt_of(l, slot);

	put_byte(p, INET_DIAG_SHUTDOWN, member_of(l, slot->raw, M_SHUTDOWN));
	if (asked_for(s, INET_DIAG_TOS))
		put_byte(p, INET_DIAG_TOS, member_of(l, slot->raw, M_TOS));
	if (msg->idiag_family == AF_INET6 && asked_for(s, INET_DIAG_TCLASS))
		put_byte(p, INET_DIAG_TCLASS, member_of(l, slot->raw, M_TCLASS));
	if (msg->idiag_family == AF_INET6 &&
	    (msg->idiag_state == STATE_LISTEN || msg->idiag_state == STATE_CLOSE))
		put_byte(p, INET_DIAG_SKV6ONLY, member_of(l, slot->raw, M_IPV6ONLY));
	if (asked_for(s, INET_DIAG_TCLASS)) {
		uint32_t class_id = member_of(l, slot->raw, M_CLASSID);
		if (!class_id)
			class_id = member_of(l, slot->raw, M_PRIORITY);
		put(p, INET_DIAG_CLASS_ID, &class_id, sizeof(class_id));
	}
	if (member_exists(l, M_CGROUP))
		put(p, INET_DIAG_CGROUP_ID, &slot->cgroup_id, sizeof(slot->cgroup_id));
	put(p, INET_DIAG_SOCKOPT, &options, sizeof(options));
}

static void put_memory(struct poll_pass *p, const struct walk_slot *slot)
{
	uint32_t mem[ABI_SK_MEMINFO_VARS];

	skmeminfo_of(&p->source->walker->layout, slot, mem);
	if (asked_for(p->source, INET_DIAG_MEMINFO)) {
		const struct inet_diag_meminfo few = {
		    .idiag_rmem = mem[0], .idiag_wmem = mem[5], .idiag_fmem = mem[4], .idiag_tmem = mem[2]};
		put(p, INET_DIAG_MEMINFO, &few, sizeof(few));
	}
	if (asked_for(p->source, INET_DIAG_SKMEMINFO))
		put(p, INET_DIAG_SKMEMINFO, mem, sizeof(mem));
}

/* net/ipv4/inet_diag.c: the rest of inet_sk_diag_fill(), which bound sockets do not get */
static void put_tcp(struct poll_pass *p, const struct walk_slot *slot, const struct abi_inet_diag_msg *msg)
{
	struct source *s = p->source;
	const struct layout *l = &s->walker->layout;
	struct abi_tcp_info info;
	union tcp_cc_info cong;
	uint16_t len = 0;

	if (asked_for(s, INET_DIAG_INFO)) {
		tcp_info_of(l, slot, &info);
		put(p, INET_DIAG_INFO, &info, l->tcp_info_len);
	}
	if (asked_for(s, INET_DIAG_CONG) && slot->cong[0])
		put(p, INET_DIAG_CONG, slot->cong, sizeof(slot->cong));
	if (asked_for(s, INET_DIAG_INFO) && slot->ulp[0]) {
		s->ulp.nla = (struct nlattr){.nla_len = sizeof(s->ulp), .nla_type = INET_ULP_INFO_NAME};
		memcpy(s->ulp.name, slot->ulp, sizeof(s->ulp.name));
		put(p, INET_DIAG_ULP_INFO, &s->ulp, sizeof(s->ulp));
	}
	if (asked_for(s, INET_DIAG_VEGASINFO) && msg->idiag_state < STATE_TIME_WAIT) {
		int type = cong_info_of(l, slot, &cong, &len);
		if (type)
			put(p, type, &cong, len);
	}
}

/* A socket without a cookie is asked for; one that cannot be keeps 0. Listeners got theirs before (read_listeners). */
static void find_cookie(struct poll_pass *p, const struct walk_slot *slot, struct abi_inet_diag_msg *msg)
{
	struct netns *ns = p->named->ns;
	int r = -ENOENT;

	if (ns && !slot->bound && msg->idiag_state != STATE_LISTEN) {
		r = ask_cookie(ns, msg);
		p->source->count[STAT_BPF_ASKED]++;
	}
	if (r < 0)
		p->source->count[STAT_BPF_NO_COOKIE]++;
}

/* 0, or what emit() returned. */
static int take_slot(struct poll_pass *p, const struct walk_slot *slot)
{
	struct source *s = p->source;
	const struct layout *l = &s->walker->layout;
	uint64_t cookie = member_of(l, slot->raw, M_COOKIE);
	struct abi_inet_diag_msg msg;

	if (!is_socket(l, slot)) {
		s->count[STAT_BPF_INVALID]++;
		return 0;
	}
	p->result->messages++;
	if (!cookie_set_add(&s->seen, cookie)) {
		s->count[STAT_RECORDS_DUPLICATE]++;
		return 0;
	}
	int r = set_netns(p, slot);
	if (r < 0)
		return r;
	inet_diag_msg_of(l, slot, &msg);
	if (!cookie) {
		find_cookie(p, slot, &msg);
		cookie = msg.id.idiag_cookie[0] | (uint64_t)msg.id.idiag_cookie[1] << 32;
		cookie_set_add(&s->seen, cookie);
	}
	decode_base(p->record, &msg);
	if (slot->kind == WALK_FULL) {
		put_common(p, slot, &msg);
		put_memory(p, slot);
		if (!slot->bound)
			put_tcp(p, slot, &msg);
	}
	if (s->config.attributor)
		attribute(s->config.attributor, p->named->ns ? enrichment_container(p->named->ns) : NULL,
			  p->deadline_ns, &s->room, p->record);
	if (s->config.known && cookie)
		known_sockets_put(s->config.known, p->record);
	return p->sink->emit(p->sink, p->record);
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
static bool ask_for_listeners(struct poll_pass *p)
{
	const struct walker *w = p->source->walker;
	uint64_t last = 0;
	bool asked = false;

	for (uint32_t i = 0; i < w->answer->count; i++) {
		const struct walk_slot *slot = &w->slots[i];
		if (member_of(&w->layout, slot->raw, M_COOKIE) || slot->net_cookie == last ||
		    !is_socket(&w->layout, slot))
			continue;
		last = slot->net_cookie;
		const struct name *name =
		    names_find(&p->source->names, p->table, slot->net_cookie, slot->net_inode);
		if (!name || !name->ns)
			continue;
		p->source->count[STAT_BPF_ASKED]++;
		asked |= ask_all(name->ns, 1 << STATE_LISTEN | 1 << STATE_BOUND_INACTIVE) == 0;
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
		if (again && ask_for_listeners(p)) {
			again = false;
			continue;
		}
		again = request->kind != WALK_EHASH;
		uint32_t bucket = a->bucket, skip = a->skip;
		for (uint32_t i = 0; i < a->count; i++) {
			r = take_slot(p, &w->slots[i]);
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
			s->walker->request->budget_ns = SLICE_NS;
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
