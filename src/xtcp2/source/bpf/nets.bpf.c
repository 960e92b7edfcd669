/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The walk over the list of namespaces, to find hash tables that one has for itself. One run is one RCU read section
 * and ends when its budget of time is spent; the next goes on behind the namespace that this one saw last, if
 * that is still there.
 */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Namespaces of one run, at most: a guard against a ring of freed memory. */
#define NETS_MAX      65536
/* Inode numbers of namespaces begin here (PROC_DYNAMIC_FIRST in fs/proc/generic.c; initial ones lie below the end). */
#define NET_INODE_MIN 0xE0000000u

/* In .bss, which the daemon maps. */
struct walk_nets nets;

/* The list's head looks like a namespace, too, but has no loopback device that refers back to it. */
static __always_inline int is_net(__u64 net)
{
	struct net *n = (struct net *)net;

	return (__u64)BPF_CORE_READ(n, loopback_dev, nd_net.net) == net &&
	       BPF_CORE_READ(n, ns.inum) >= NET_INODE_MIN;
}

static __always_inline int is_private(struct inet_hashinfo *hashinfo)
{
	if (bpf_core_field_exists(struct inet_hashinfo, pernet))
		return BPF_CORE_READ(hashinfo, pernet);
	return 0;
}

struct nets_walk {
	__u64 net, own, begin;
	int common; /* the host's table has been reported */
};

static long on_net(__u32 i, struct nets_walk *w)
{
	struct net *net = (struct net *)w->net;
	__u64 next = (__u64)BPF_CORE_READ(net, list.next) - bpf_core_field_offset(struct net, list);

	if (is_net(w->net) && is_alive(w->net)) {
		struct inet_hashinfo *hashinfo = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
		int private = is_private(hashinfo);
		__u32 count = nets.count;

		nets.nets++;
		if (private || !w->common) {
			if (count >= WALK_TABLES)
				return 1;
			struct walk_table *t = &nets.tables[count & (WALK_TABLES - 1)];
			t->net = w->net;
			t->net_cookie = BPF_CORE_READ(net, net_cookie);
			t->hashinfo = (__u64)hashinfo;
			t->private = private;
			nets.count = count + 1;
			w->common |= !private;
		}
		nets.after = w->net;
		nets.after_cookie = BPF_CORE_READ(net, net_cookie);
	}
	w->net = next;
	if (next == w->own) {
		nets.done = 1;
		return 1;
	}
	return !(i & 63) && i > 0 && bpf_ktime_get_ns() - w->begin > nets.budget_ns;
}

SEC("raw_tp")
int list_nets(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct nets_walk w = {.begin = bpf_ktime_get_ns(), .common = nets.after != 0};

	w.own = nets.own = (__u64)BPF_CORE_READ(task, nsproxy, net_ns);
	nets.count = nets.nets = nets.done = nets.lost = 0;
	w.net = w.own;
	if (nets.after) {
		struct net *after = (struct net *)nets.after;
		if (!is_same((__u64)after, nets.after_cookie)) {
			nets.lost = 1;
			return 0;
		}
		w.net = (__u64)BPF_CORE_READ(after, list.next) - bpf_core_field_offset(struct net, list);
		if (w.net == w.own) {
			nets.done = 1;
			return 0;
		}
	}
	bpf_loop(NETS_MAX, on_net, &w, 0);
	nets.ns = bpf_ktime_get_ns() - w.begin;
	return 0;
}
