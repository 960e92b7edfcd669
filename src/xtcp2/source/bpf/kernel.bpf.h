/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#ifndef SOURCE_BPF_KERNEL_BPF_H
#define SOURCE_BPF_KERNEL_BPF_H
/* What the programs for the kernel share: its structures, as far as they are followed here, and a few questions. */
#include "walk_abi.h"

/* walk_abi.h has the types that these need. */
#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#define NULL ((void *)0)

/* The parts of the kernel's structures that are followed here; offsets are relocated when the program is loaded. */
#define KERNEL __attribute__((preserve_access_index))

struct list_head {
	struct list_head *next;
} KERNEL;

struct proc_ns_operations;

struct ns_common {
	unsigned int inum;
	const struct proc_ns_operations *ops;
} KERNEL;

typedef struct {
	struct net *net;
} possible_net_t;

struct inet_ehash_bucket;
struct inet_listen_hashbucket;
struct inet_bind_hashbucket;

struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
	struct inet_listen_hashbucket *lhash2;
	unsigned int lhash2_mask;
	struct inet_bind_hashbucket *bhash2;
	unsigned int bhash_size;
	_Bool pernet;
} KERNEL;

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
} KERNEL;

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
} KERNEL;

struct net_device {
	possible_net_t nd_net;
} KERNEL;

struct net {
	struct list_head list;
	struct ns_common ns;
	struct net_device *loopback_dev;
	struct netns_ipv4 ipv4;
	unsigned long long net_cookie;
} KERNEL;

struct nsproxy {
	struct net *net_ns;
} KERNEL;

struct kernfs_node {
	unsigned long long id;
} KERNEL;

struct cgroup {
	struct kernfs_node *kn;
} KERNEL;

struct css_set {
	struct cgroup *dfl_cgrp;
} KERNEL;

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
} KERNEL;

struct pid {
	unsigned int level;
	struct upid numbers[1];
} KERNEL;

struct task_struct {
	int pid;
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct css_set *cgroups;
	char comm[WALK_NAME];
} KERNEL;

struct tcp_congestion_ops {
	char name[WALK_NAME];
} KERNEL;

struct tcp_ulp_ops {
	char name[WALK_NAME];
} KERNEL;

struct super_block {
	unsigned long s_magic;
} KERNEL;

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
	void *i_private;
} KERNEL;

struct file {
	struct inode *f_inode;
} KERNEL;

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
} KERNEL;

struct socket;

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
} KERNEL;

struct socket {
	short type;
	struct sock *sk;
} KERNEL;

struct socket_alloc {
	struct inode vfs_inode;
} KERNEL;

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

/* Linux 6.18 renamed the counter. */
struct ns_common___new {
	refcount_t __ns_ref;
} KERNEL;

struct ns_common___old {
	refcount_t count;
} KERNEL;

/* While the counter of a namespace is not 0 in a read section, its parts are there until the section ends. */
static __always_inline int is_alive(__u64 net)
{
	__u64 ns = net + bpf_core_field_offset(struct net, ns);

	if (bpf_core_field_exists(struct ns_common___new, __ns_ref))
		return BPF_CORE_READ((struct ns_common___new *)ns, __ns_ref.refs.counter) > 0;
	return BPF_CORE_READ((struct ns_common___old *)ns, count.refs.counter) > 0;
}

static __always_inline int is_same(__u64 net, __u64 cookie)
{
	return BPF_CORE_READ((struct net *)net, net_cookie) == cookie && is_alive(net);
}

#endif
