/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Theory of operation: the kernel's side of the BPF source
 *
 * `walk` is run by BPF_PROG_TEST_RUN and attached to nothing. It goes through one
 * hash table of sockets and copies a few ranges of each socket's memory. Nothing
 * is computed here, so that the verifier of every kernel can follow; tcp_info is
 * made of the bytes in tcp_info.c. nets.bpf.c finds the tables, owners.bpf.c
 * who holds the sockets.
 *
 * A run is one RCU read section. No lock is taken: sockets are in slabs of type
 * SLAB_TYPESAFE_BY_RCU, so that a chain that was entered leads from socket to
 * socket even while these are freed and used again. A socket that moves takes
 * the walk into another chain; the marker at the end of a chain tells, and the
 * chain is read again. What is copied of a socket, and how: socket.bpf.h. The
 * sockets at the front of the next chains are touched before they are read, all
 * at once, so that their memory is waited for together.
 *
 * A run ends at a bucket's boundary when its budget of time is spent or the
 * slots are full, and tells where to go on. Only a chain longer than all slots
 * is cut, and continued with some overlap.
 */
#include "socket.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* linux/bpf.h */
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_F_MMAPABLE	   (1U << 10)

/* net/inet_hashtables.h: the markers of listening chains are the bucket's number above this. */
#define LISTENING_NULLS_BASE (1U << 29)

/* Bytes of bucket heads read at once. */
#define HEADS	   1024
/* Sockets of one chain, at most: a guard against a ring of freed memory. */
#define CHAIN_MAX  65536
/* Attempts at a chain whose sockets move while it is read. */
#define ATTEMPTS   4
/* Buckets whose first sockets are touched at once; a power of two. */
#define FRONTS	   32
/* Sockets read between two looks at the clock. */
#define CLOCK_MASK 15

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WALK_SLOTS);
	__type(key, __u32);
	__type(value, struct walk_slot);
} slots SEC(".maps");

static __u64 fronts[FRONTS];
static __u8 heads[2 * HEADS]; /* the second half is for the verifier, which knows lengths by their bits */

struct walk {
	__u64 base;  /* first bucket */
	__u64 begin; /* of the run */
	__u64 at;    /* the next link of the chain */
	__u64 bind_net, bind_node;
	__u32 group; /* first bucket of the heads */
	__u32 bucket, end;
	__u32 first;   /* slot of the bucket's first socket */
	__u32 skipped; /* sockets of the chain not read because the last run had them */
	__u32 stride, head, marker;
	__u32 reads;
	__u32 fronts; /* sockets to touch */
	__u8 attempt, full, moved, late, done;
};
/* Not on the stack: the verifier would follow each value there, and each round of a loop would be a case of its own. */
static struct walk state;

static __always_inline int is_late(struct walk *w)
{
	if (!(++w->reads & CLOCK_MASK))
		w->late = bpf_ktime_get_ns() - w->begin > request.budget_ns;
	return w->late;
}

static __always_inline __u64 head_of(struct walk *w, __u32 bucket)
{
	return *(__u64 *)(heads + (((bucket - w->group) * w->stride + w->head) & (HEADS - 8)));
}

/* Whether this is a socket in TIME_WAIT or a request, which end with their first lines. */
static __always_inline int is_small(__u64 address)
{
	__u8 state = CAST(struct sock_common, address)->skc_state;

	return state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV;
}

/* Touch the lines of one of the sockets. */
static long on_front(__u32 i, void *unused)
{
	__u64 address = fronts[i & (FRONTS - 1)];

	if (!is_small(address))
		touch_lines(address);
	return 0;
}

/* Touch what a pointer in one of the sockets leads to. */
static long on_front_inode(__u32 i, void *unused)
{
	__u64 address = fronts[i & (FRONTS - 1)];

	if (!is_small(address))
		touch_inode(address);
	return 0;
}

/*
 * Have the first sockets of the next chains loaded. Their addresses are known without a look at a socket, so that the
 * processor waits for many lines at once: first for the translations of the addresses, then for the lines, then for what
 * a pointer among them leads to.
 */
static __always_inline void touch_fronts(struct walk *w)
{
	w->fronts = 0;
	for (__u32 i = 0; i < FRONTS && w->bucket + i < w->end; i++) {
		__u64 node = head_of(w, w->bucket + i);
		if (!node || node & 1)
			continue;
		fronts[w->fronts++ & (FRONTS - 1)] = node - layout.node;
		touch(node - layout.node);
	}
	bpf_loop(w->fronts, on_front, NULL, 0);
	if (layout.socket)
		bpf_loop(w->fronts, on_front_inode, NULL, 0);
}

/* The next socket of a chain of hlist_nulls; 1 ends the chain. */
static long on_socket(__u32 i, void *unused)
{
	struct walk *w = &state;
	__u64 node = w->at;
	__u32 index = answer.count;

	if (!node || node & 1) {
		w->moved = !node || node >> 1 != w->marker;
		w->done = 1;
		return 1;
	}
	struct walk_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot) {
		w->full = 1;
		return 1;
	}
	__u64 address = node - layout.node;
	__u32 faults = answer.faults;
	read_range(slot, address, &layout.ranges[0]);
	if (answer.faults != faults) {
		w->moved = w->done = 1;
		return 1;
	}
	w->at = raw64(slot, layout.node_next);
	if (w->bucket == request.bucket && w->skipped < request.skip) {
		w->skipped++;
		return 0;
	}
	/* Only a chain that fills the slots may go on so long that time matters. */
	if (is_late(w) && w->first == 0 && index >= WALK_SLOTS / 2) {
		w->full = 1;
		return 1;
	}
	if (layout.direct && w->at && !(w->at & 1))
		touch_lines(w->at - layout.node);
	if (read_socket(slot, address)) {
		slot->mono_ns = w->begin;
		answer.count = index + 1;
	}
	return 0;
}

/* A chain that did not fit: go on with it in the next run, from its front unless it fills the slots alone. */
static __always_inline void stop_in_chain(struct walk *w)
{
	answer.bucket = w->bucket;
	answer.skip = 0;
	if (w->first > 0)
		answer.count = w->first;
	else
		answer.skip = w->skipped + answer.count;
}

/* The next bucket with a chain of hlist_nulls; 1 ends the group. */
static long on_bucket(__u32 i, void *unused)
{
	struct walk *w = &state;
	__u64 node;

	if (w->bucket >= w->end)
		return 1;
	if (layout.direct && !(w->bucket & (FRONTS - 1)))
		touch_fronts(w);
	node = head_of(w, w->bucket);
	if (node & 1 || !node) {
		w->bucket++;
		return 0;
	}
	if (w->late || (is_late(w) && answer.count > 0)) {
		answer.bucket = w->bucket;
		answer.skip = 0;
		w->full = 1;
		return 1;
	}
	w->first = answer.count;
	w->marker = w->bucket + (request.kind == WALK_LHASH ? LISTENING_NULLS_BASE : 0);
	w->done = w->moved = 0;
	w->skipped = 0;
	if (w->attempt) /* what was read with the heads is old by now */
		bpf_probe_read_kernel(&node, sizeof(node),
				      (void *)(w->base + (__u64)w->bucket * w->stride + w->head));
	w->at = node;
	bpf_loop(CHAIN_MAX, on_socket, NULL, 0);
	if (w->full) {
		stop_in_chain(w);
		return 1;
	}
	if (!w->done || w->moved) {
		answer.moved++;
		if (++w->attempt < ATTEMPTS) {
			answer.count = w->first;
			return 0; /* the same bucket once more */
		}
		answer.lost++;
	}
	w->attempt = 0;
	w->bucket++;
	return 0;
}

/* --- bound sockets: a chain of buckets, each with its owners --- */

static long on_owner(__u32 i, void *unused)
{
	struct walk *w = &state;
	__u32 index = answer.count;
	struct walk_slot *slot;

	if (!w->at)
		return 1;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot) {
		w->full = 1;
		return 1;
	}
	__u64 address = w->at - layout.bind_node;
	__u32 faults = answer.faults;
	w->at = 0;
	read_range(slot, address, &layout.ranges[0]);
	if (answer.faults != faults)
		return 1;
	w->at = raw64(slot, layout.bind_node);
	/* No lock and no slab that keeps its type: take what belongs to the bucket's namespace. */
	if (raw64(slot, layout.net) != w->bind_net || slot->raw[layout.state & OFFSET_MASK] != TCP_CLOSE)
		return 0;
	if (w->bucket == request.bucket && w->skipped < request.skip) {
		w->skipped++;
		return 0;
	}
	if (read_socket(slot, address)) {
		slot->mono_ns = w->begin;
		answer.count = index + 1;
	}
	return 0;
}

struct inet_bind2_bucket {
	possible_net_t ib_net;
} KERNEL;

/* The next bucket of one port and address. */
static long on_bind_bucket(__u32 i, void *unused)
{
	struct walk *w = &state;
	__u64 node = w->bind_node;

	if (!node)
		return 1;
	__u64 bucket = node - layout.bind2_node;
	w->bind_net = (__u64)BPF_CORE_READ((struct inet_bind2_bucket *)bucket, ib_net.net);
	w->bind_node = w->at = 0;
	bpf_probe_read_kernel(&w->bind_node, sizeof(w->bind_node), (void *)node);
	bpf_probe_read_kernel(&w->at, sizeof(w->at), (void *)(bucket + layout.bind2_owners));
	bpf_loop(CHAIN_MAX, on_owner, NULL, 0);
	return w->full ? 1 : 0;
}

static long on_bound(__u32 i, void *unused)
{
	struct walk *w = &state;
	if (w->bucket >= w->end)
		return 1;
	w->bind_node = head_of(w, w->bucket);
	if (w->bind_node && is_late(w) && answer.count > 0) {
		answer.bucket = w->bucket;
		answer.skip = 0;
		w->full = 1;
		return 1;
	}
	w->first = answer.count;
	w->skipped = 0;
	bpf_loop(CHAIN_MAX, on_bind_bucket, NULL, 0);
	if (w->full) {
		stop_in_chain(w);
		return 1;
	}
	w->bucket++;
	return 0;
}

/* The next group of buckets; 1 ends the run. */
static long on_group(__u32 i, void *unused)
{
	struct walk *w = &state;
	__u32 size = w->stride ? HEADS / w->stride : 1;

	if (w->bucket >= answer.buckets) {
		answer.bucket = answer.buckets;
		return 1;
	}
	if (bpf_ktime_get_ns() - w->begin > request.budget_ns && i > 0) {
		answer.bucket = w->bucket;
		return 1;
	}
	w->group = w->bucket;
	w->end = w->bucket + size < answer.buckets ? w->bucket + size : answer.buckets;
	__u32 len = (w->end - w->group) * w->stride;
	if (bpf_probe_read_kernel(heads, len & (2 * HEADS - 1),
				  (void *)(w->base + (__u64)w->group * w->stride)) < 0) {
		answer.faults++;
		w->bucket = w->end;
	}
	if (request.kind == WALK_BHASH)
		bpf_loop(HEADS, on_bound, NULL, 0);
	else
		bpf_loop(HEADS, on_bucket, NULL, 0);
	if (w->full)
		return 1;
	answer.bucket = w->bucket;
	return 0;
}

/* --- the walk --- */

/* Sets where the table is. 0 when it is no more. */
static __always_inline int find_table(struct walk *w)
{
	struct inet_hashinfo *h = (struct inet_hashinfo *)request.hashinfo;
	struct net *net = (struct net *)request.net;

	if (net && (!is_same((__u64)net, request.net_cookie) ||
		    BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo) != h))
		return 0;
	w->head = 0;
	switch (request.kind) {
	case WALK_EHASH:
		w->base = (__u64)BPF_CORE_READ(h, ehash);
		answer.buckets = BPF_CORE_READ(h, ehash_mask) + 1;
		w->stride = layout.ehash_stride;
		break;
	case WALK_LHASH:
		w->base = (__u64)BPF_CORE_READ(h, lhash2);
		answer.buckets = BPF_CORE_READ(h, lhash2_mask) + 1;
		w->stride = layout.lhash_stride;
		w->head = layout.lhash_head;
		break;
	default:
		w->base = (__u64)BPF_CORE_READ(h, bhash2);
		answer.buckets = BPF_CORE_READ(h, bhash_size);
		w->stride = layout.bhash_stride;
		w->head = layout.bhash_head;
	}
	return w->base != 0;
}

SEC("raw_tp")
int walk(void *ctx)
{
	struct walk *w = &state;

	__builtin_memset(w, 0, sizeof(*w));
	w->bucket = request.bucket;
	run = w->begin = bpf_ktime_get_ns();
	__builtin_memset(&answer, 0, sizeof(answer));
	answer.bucket = request.bucket;
	if (!find_table(w)) {
		answer.gone = 1;
		return 0;
	}
	bpf_loop(1 << 22, on_group, NULL, 0);
	answer.ns = bpf_ktime_get_ns() - w->begin;
	return 0;
}
