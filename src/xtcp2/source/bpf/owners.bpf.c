/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Who holds which socket: an iterator over the descriptors of all tasks of the reader's pid namespace, which the
 * kernel goes through while the daemon reads from it (bpf_seq_read() lets others run in between). It tells of sockets
 * that may be TCP's and of open network namespaces. Tasks that share their descriptors with their process are
 * left out by the kernel; one that has its own counts as its process.
 *
 * Which process is in which network namespace: another, over the tasks alone.
 */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define AF_INET	    2
#define AF_INET6    10
#define SOCK_STREAM 1
/* linux/magic.h */
#define NSFS_MAGIC  0x6e736673

struct seq_file;

/* The context, of which the kernel checks each access by its offset (linux/bpf.h: struct bpf_iter_meta). */
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd __attribute__((aligned(8)));
	struct file *file;
};

/*
 * Of the reader, and of the task whose descriptors come; both kept for one session. Volatile, or the compiler takes it
 * apart and describes it to the kernel as a whole all the same.
 */
static volatile struct {
	__u64 session;
	struct task_struct *task;
	int tid; /* of the task, whose memory may be another one's by now */
	struct pid_namespace *pid_ns;
	const struct proc_ns_operations *net_ops; /* those of network namespaces */
	unsigned int level;
	int pid;   /* of the task's process; 0: the reader does not see it */
	char told; /* the process has been told of */
} reader;

static __always_inline void read_reader(__u64 session)
{
	struct task_struct *self = (struct task_struct *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(self, thread_pid);

	reader.session = session;
	reader.task = NULL;
	reader.level = BPF_CORE_READ(pid, level);
	reader.net_ops = BPF_CORE_READ(self, nsproxy, net_ns, ns.ops);
	/* The element of a level that is a variable. */
	struct upid *number = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      (__u64)reader.level * bpf_core_type_size(struct upid);
	reader.pid_ns = BPF_CORE_READ(number, ns);
}

/* The number of the process as the reader's pid namespace has it; 0 for none. */
static __always_inline int number_of(struct task_struct *leader)
{
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);

	if (BPF_CORE_READ(pid, level) < reader.level)
		return 0;
	struct upid *number = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      (__u64)reader.level * bpf_core_type_size(struct upid);
	return BPF_CORE_READ(number, ns) == reader.pid_ns ? BPF_CORE_READ(number, nr) : 0;
}

static __always_inline void read_task(struct task_struct *task)
{
	reader.task = task;
	reader.tid = task->pid;
	reader.pid = number_of(BPF_CORE_READ(task, group_leader));
	reader.told = 0;
}

static __always_inline void tell_process(struct walk_descriptor *d, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	d->kind = WALK_PROCESS;
	d->process.pid = reader.pid;
	d->process.cgroup_id = BPF_CORE_READ(leader, cgroups, dfl_cgrp, kn, id);
	bpf_core_read(d->process.comm, sizeof(d->process.comm), &leader->comm);
}

/* 1 for one to tell of. */
static __always_inline int read_socket(struct walk_descriptor *d, struct socket *socket, struct inode *inode)
{
	struct sock *sk = socket->sk;

	if (!sk || socket->type != SOCK_STREAM)
		return 0;
	__u16 family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	struct net *net = sk->__sk_common.skc_net.net;
	d->kind = WALK_SOCKET;
	d->held.inode = inode->i_ino;
	d->held.net_cookie = net->net_cookie;
	d->held.net_inode = net->ns.inum;
	return 1;
}

static __always_inline int read_namespace(struct walk_descriptor *d, struct inode *inode)
{
	struct ns_common *ns;

	if (inode->i_sb->s_magic != NSFS_MAGIC)
		return 0;
	ns = inode->i_private;
	if (BPF_CORE_READ(ns, ops) != reader.net_ops)
		return 0;
	struct net *net = (void *)ns - bpf_core_field_offset(struct net, ns);
	d->kind = WALK_NAMESPACE;
	d->held.net_cookie = BPF_CORE_READ(net, net_cookie);
	d->held.net_inode = BPF_CORE_READ(ns, inum);
	return 1;
}

SEC("iter/task_file")
int list_descriptors(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct walk_descriptor d[2] = {};

	if (!task || !file)
		return 0;
	if (reader.session != ctx->meta->session_id || ctx->meta->seq_num == 0)
		read_reader(ctx->meta->session_id);
	if (reader.task != task || reader.tid != task->pid)
		read_task(task);
	if (reader.pid == 0)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	struct inode *inode = file->f_inode;
	if (socket ? !read_socket(&d[1], socket, inode) : !read_namespace(&d[1], inode))
		return 0;
	if (reader.told) {
		bpf_seq_write(ctx->meta->seq, &d[1], sizeof(d[1]));
		return 0;
	}
	tell_process(&d[0], task);
	/* What does not fit is asked for again, with an empty buffer. */
	reader.told = bpf_seq_write(ctx->meta->seq, d, sizeof(d)) == 0;
	return 0;
}

/* Processes and their network namespaces. One that is ending has none. */
SEC("iter/task")
int list_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct walk_process p = {};

	if (!task || BPF_CORE_READ(task, group_leader) != task)
		return 0;
	if (reader.session != ctx->meta->session_id || ctx->meta->seq_num == 0)
		read_reader(ctx->meta->session_id);
	struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
	p.pid = number_of(task);
	if (!p.pid || !nsproxy)
		return 0;
	p.net_inode = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
	bpf_seq_write(ctx->meta->seq, &p, sizeof(p));
	return 0;
}
