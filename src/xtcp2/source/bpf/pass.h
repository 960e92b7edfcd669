/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_PASS_H
#define SOURCE_BPF_PASS_H
/* What the parts of the BPF source share: bpf.c goes through the tables, socket.c makes records, descriptors.c owners. */
#include <linux/netlink.h>

#include "enrich/attribute.h"
#include "source/bpf/names.h"
#include "source/bpf/walker.h"
#include "source/cookie_set.h"
#include "source/source.h"
#include "stats/stats.h"

/* include/net/tcp_states.h */
#define STATE_TIME_WAIT	     6
#define STATE_CLOSE	     7
#define STATE_LISTEN	     10
#define STATE_BOUND_INACTIVE 13

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

/* Whether the bytes are of a TCP socket whole enough for a record. */
bool pass_is_socket(const struct layout *l, const struct walk_slot *slot);

/* Begin to load what the record of this socket will take. */
void pass_prefetch(const struct poll_pass *p, const struct walk_slot *slot);

/* Make the record of a socket that the walk has met and hand it to the sink. 0, or what emit() returned. */
int pass_take_socket(struct poll_pass *p, const struct walk_slot *slot);

/*
 * Before the walk: who holds the sockets, and which namespaces that the table lacks somebody holds. Failures are counted and
 * logged; the poll goes on without owners.
 */
void pass_read_descriptors(struct poll_pass *p);

#endif
