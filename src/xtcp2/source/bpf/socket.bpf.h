/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#ifndef SOURCE_BPF_SOCKET_BPF_H
#define SOURCE_BPF_SOCKET_BPF_H
/*
 * How the walk (walk.bpf.c) reads one socket: ranges of its memory, and what lies behind some pointers.
 *
 * No read faults: bpf_probe_read_kernel() fails instead, and a load of the program itself (bpf_rdonly_cast(), Linux 6.2)
 * gives 0. The latter is much cheaper, as a call of a helper costs some 30 ns where the kernel guards returns from
 * functions. Copying by loads leaves the processor less room to run ahead of memory, so lines are touched before.
 */
#include "kernel.bpf.h"

#define AF_INET6 10

#define TCP_TIME_WAIT	 6
#define TCP_CLOSE	 7
#define TCP_SYN_RECV	 3
#define TCP_NEW_SYN_RECV 12

/* All offsets of struct sock_common and of small sockets are below; for the verifier, which knows numbers by their bits. */
#define OFFSET_MASK 1023

/* Bytes of a cache line. */
#define LINE 64

const volatile struct walk_layout layout;

/* In .bss, which the daemon maps. */
struct walk_request request;
struct walk_answer answer;

/* What lies behind a pointer that many sockets share; kept for one run, in which no such object is freed. */
#define CACHE 256
struct cached {
	__u64 key, run;
	__u64 value[2];
};
static struct cached net_cache[CACHE], cgroup_cache[CACHE], cong_cache[CACHE];
static __u64 run;

static struct cached *cache_find(struct cached *cache, __u64 key, int *hit)
{
	struct cached *c = &cache[(key ^ key >> 6 ^ key >> 14) & (CACHE - 1)];

	*hit = c->key == key && c->run == run;
	c->key = key;
	c->run = run;
	return c;
}

static __always_inline void read_cgroup(struct walk_slot *slot, __u64 address)
{
	struct cgroup *cgroup = (struct cgroup *)address;
	int hit;

	if (!address) {
		slot->cgroup_id = 0;
		return;
	}
	struct cached *c = cache_find(cgroup_cache, address, &hit);
	if (!hit)
		c->value[0] = BPF_CORE_READ(cgroup, kn, id);
	slot->cgroup_id = c->value[0];
}

static __always_inline void read_cong(struct walk_slot *slot, __u64 address)
{
	struct tcp_congestion_ops *ops = (struct tcp_congestion_ops *)address;
	int hit;
	struct cached *c = cache_find(cong_cache, address, &hit);

	if (!hit) {
		c->value[0] = c->value[1] = 0;
		if (address)
			bpf_core_read(c->value, WALK_NAME, &ops->name);
	}
	__builtin_memcpy(slot->cong, c->value, WALK_NAME);
}

/* The names whose private data holds nothing that the kernel would tell. */
static __always_inline int is_plain(const struct walk_slot *slot)
{
	const char *n = slot->cong;

	return (n[0] == 'c' && n[1] == 'u' && n[2] == 'b') || (n[0] == 'r' && n[1] == 'e' && n[2] == 'n');
}

static __always_inline __u64 raw64(const struct walk_slot *slot, __u32 at)
{
	return at <= WALK_RAW - 8 ? *(const __u64 *)(slot->raw + (at & ~7u)) : 0;
}

/* Any structure that ends in an array of words: the kernel lets a program load all of them. */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
} KERNEL;

/* Without it layout.direct is 0. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

#define CAST(type, address) ((type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)))

static __always_inline const volatile __u64 *words_at(__u64 address)
{
	return CAST(struct bpf_raw_tracepoint_args, address)->args;
}

/* Have the line of this address loaded. Nothing waits for a value that nobody takes. */
static __always_inline void touch(__u64 address)
{
	__u64 value = *words_at(address);

	asm volatile("" : : "r"(value));
}

static __always_inline void read_net(struct walk_slot *slot, __u64 address)
{
	struct net *net = (struct net *)address;
	int hit;

	if (layout.direct) {
		net = CAST(struct net, address);
		slot->net_cookie = net->net_cookie;
		slot->net_inode = net->ns.inum;
		return;
	}
	struct cached *c = cache_find(net_cache, address, &hit);

	if (!hit) {
		c->value[0] = BPF_CORE_READ(net, net_cookie);
		c->value[1] = BPF_CORE_READ(net, ns.inum);
	}
	slot->net_cookie = c->value[0];
	slot->net_inode = c->value[1];
}

/* A length that is a multiple of 8. */
static __always_inline void copy_words(__u8 *to, __u64 from, __u32 len)
{
	__u32 at = 0;

	for (; at + LINE <= len; at += LINE) {
		const volatile __u64 *source = words_at(from + at);
		__u64 *target = (__u64 *)(to + at);
#pragma unroll
		for (int i = 0; i < LINE / 8; i++)
			target[i] = source[i];
	}
	for (; at < len; at += 8)
		*(__u64 *)(to + at) = *words_at(from + at);
}

static __always_inline void read_range(struct walk_slot *slot, __u64 address,
				       const volatile struct walk_range *r)
{
	__u32 len = r->len, to = r->to;

	if (len == 0 || len > WALK_RAW || to > WALK_RAW - WALK_SPARE || to + len > WALK_RAW - WALK_SPARE)
		return;
	if (layout.direct) {
		copy_words(slot->raw + to, address + r->from, len);
		return;
	}
	if (bpf_probe_read_kernel(slot->raw + to, len, (void *)(address + r->from)) < 0)
		answer.faults++;
}

static __always_inline void touch_lines(__u64 address)
{
#pragma unroll
	for (int i = 0; i < WALK_LINES; i++) {
		if (i < layout.line_count)
			touch(address + layout.lines[i]);
	}
}

/* Touch what lies behind the pointer to the socket's inode, where the kernel keeps the number there. */
static __always_inline void touch_inode(__u64 address)
{
	__u64 socket = (__u64)CAST(struct sock, address)->sk_socket;

	if (socket)
		touch(socket + bpf_core_field_offset(struct socket_alloc, vfs_inode.i_ino));
}

/* All of a socket that has gone through its handshake, or listens. */
static __always_inline void read_full(struct walk_slot *slot, __u64 address)
{
#pragma unroll
	for (int i = 1; i < WALK_RANGES; i++)
		read_range(slot, address, &layout.ranges[i]);
	if (*(const __u16 *)(slot->raw + (layout.family & OFFSET_MASK)) == AF_INET6)
		read_range(slot, address, &layout.v6);
	read_cgroup(slot, raw64(slot, layout.cgroup));
	read_cong(slot, raw64(slot, layout.ca_ops));
	if (!is_plain(slot))
		read_range(slot, address, &layout.ca_priv);
	__u64 ulp = raw64(slot, layout.ulp_ops);
	if (ulp)
		bpf_core_read(slot->ulp, WALK_NAME, &((struct tcp_ulp_ops *)ulp)->name);
	else
		slot->ulp[0] = 0;
	__u64 socket = layout.socket ? raw64(slot, layout.socket) : 0;
	if (!socket)
		slot->inode = 0;
	else if (layout.direct)
		slot->inode = CAST(struct socket_alloc, socket)->vfs_inode.i_ino;
	else
		slot->inode = BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino);
}

/* Whether the socket is one to report; fills the slot. */
static __always_inline int read_socket(struct walk_slot *slot, __u64 address)
{
	__u32 states = request.states;
	__u32 state = slot->raw[layout.state & OFFSET_MASK];
	struct walk_range all = {0, 0, 0};

	slot->address = address;
	slot->bound = request.kind == WALK_BHASH;
	if (state == TCP_TIME_WAIT) {
		all.len = layout.time_wait_len;
		read_range(slot, address, &all);
		state = slot->raw[layout.time_wait_state & OFFSET_MASK];
		slot->kind = WALK_TIME_WAIT;
	} else if (state == TCP_NEW_SYN_RECV) {
		all.len = layout.request_len;
		state = TCP_SYN_RECV;
		slot->kind = WALK_REQUEST;
	} else {
		slot->kind = WALK_FULL;
	}
	if (!slot->bound && !(states >> (state & 31) & 1))
		return 0;
	if (slot->kind == WALK_FULL)
		read_full(slot, address);
	else if (slot->kind == WALK_REQUEST)
		read_range(slot, address, &all);
	read_net(slot, raw64(slot, layout.net));
	slot->jiffies = bpf_jiffies64();
	return 1;
}

#endif
