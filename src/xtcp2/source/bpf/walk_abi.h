/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_WALK_ABI_H
#define SOURCE_BPF_WALK_ABI_H
/*
 * The memory that the BPF programs (walk.bpf.c) and the daemon share. Compiled for both; plain types only.
 */
#ifdef __bpf__
/* The kernel's headers are not needed: a compiler for BPF has no architecture whose asm/types.h it could take. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
#else
#include <linux/types.h>
#endif

/* Sockets that one slice of the walk holds. */
#define WALK_SLOTS  1024
/* Ranges of a socket's memory that are copied, at most. */
#define WALK_RANGES 14
/* Cache lines that these ranges touch, at most. */
#define WALK_LINES  40
/* Bytes of a socket that are copied, at most; the last WALK_SPARE of a slot stay 0 and stand for absent fields. */
#define WALK_RAW    1664
#define WALK_SPARE  16
/* TCP_CA_NAME_MAX, TCP_ULP_NAME_MAX (net/tcp.h) */
#define WALK_NAME   16
/* Private tables that one slice of the walk over the namespaces reports. */
#define WALK_TABLES 64

/* One piece of a struct sock: `len` bytes at `from` are copied to `to` in walk_slot.raw. len 0: not used. */
struct walk_range {
	__u16 from, to, len;
};

/* Offsets and lengths that hold for the running kernel; constants of the program when it is loaded. */
struct walk_layout {
	struct walk_range ranges[WALK_RANGES]; /* the first begins at 0 and holds struct sock_common */
	struct walk_range v6;		       /* of struct tcp6_sock, for AF_INET6 alone */
	struct walk_range
	    ca_priv; /* private data of the congestion control, unless it has none of interest */
	/* Length of a socket in TIME_WAIT, and of a request. Copied from the first byte on. */
	__u16 time_wait_len, request_len;
	/* In walk_slot.raw. */
	__u16 family, state, cookie, net, node_next, cgroup, ca_ops, ulp_ops, socket, time_wait_state;
	/* In struct sock_common: the link of the hash chain, and that of the chain of bound sockets. */
	__u16 node, bind_node;
	__u16 ehash_stride, lhash_stride, lhash_head, bhash_stride, bhash_head;
	__u16 bind2_node, bind2_owners; /* struct inet_bind2_bucket */
	__u16
	    direct; /* the program may load memory itself, without a helper: read each range so, and ahead */
	__u16 lines[WALK_LINES], line_count; /* then: the cache lines of the ranges */
};

enum walk_kind { WALK_FULL, WALK_TIME_WAIT, WALK_REQUEST };

/* One socket. */
struct walk_slot {
	__u64 address; /* of the struct sock; tells two sockets without a cookie apart */
	__u64 jiffies, mono_ns;
	__u64 net_cookie;
	__u64 inode;	 /* 0: read sk_ino of the raw bytes */
	__u64 cgroup_id; /* 0 for none */
	__u32 net_inode;
	__u8 kind, bound; /* bound: in no other table than that of bound sockets */
	__u8 unused[2];
	char cong[WALK_NAME], ulp[WALK_NAME];
	__u8 raw[WALK_RAW];
} __attribute__((aligned(64)));

enum walk_table_kind { WALK_EHASH, WALK_LHASH, WALK_BHASH };

/* The question of one slice. */
struct walk_request {
	__u64 net, net_cookie, hashinfo; /* a private table of this namespace; net 0: the host's own */
	__u32 kind;			 /* enum walk_table_kind */
	__u32 states;			 /* bit N: TCP state N */
	__u32 bucket;			 /* the first */
	__u32 skip;			 /* sockets at the front of its chain that were read before */
	__u64 budget_ns;		 /* begin no bucket when this has passed */
};

/* The answer. */
struct walk_answer {
	__u32 count;   /* slots filled */
	__u32 bucket;  /* the next question goes on here ... */
	__u32 skip;    /* ... behind so many sockets */
	__u32 buckets; /* in the table */
	__u32 moved;   /* chains read again because a socket had moved to another one meanwhile */
	__u32 faults;  /* memory that could not be read */
	__u32 gone;    /* the private table is no more */
	__u32 lost;    /* chains given up after several attempts */
	__u64 ns;      /* duration of the slice */
};

/* What the pass through descriptors tells: a process, and then what it has: sockets of TCP, open network namespaces. */
enum walk_descriptor_kind { WALK_PROCESS, WALK_SOCKET, WALK_NAMESPACE };

struct walk_descriptor {
	__u32 kind; /* enum walk_descriptor_kind */
	union {
		struct {
			__u32 pid; /* as the reader's pid namespace numbers it */
			__u64 cgroup_id;
			char comm[WALK_NAME]; /* TASK_COMM_LEN */
		} process;
		struct {
			__u32 inode;	  /* of the socket */
			__u64 net_cookie; /* the namespace that the socket is in, or that is open */
			__u32 net_inode;
		} held;
	};
};

/* One process, as the reader's pid namespace numbers it, and the network namespace that it is in. */
struct walk_process {
	__u32 pid, net_inode;
};

/* One hash table of established connections, by the walk over the namespaces. */
struct walk_table {
	__u64 net, net_cookie, hashinfo;
	__u32 private; /* of this namespace alone */
	__u32 unused;
};

struct walk_nets {
	/* Question: go on behind this namespace; 0 begins at the caller's own. */
	__u64 after, after_cookie;
	__u64 budget_ns; /* as of walk_request */
	/* Answer. */
	struct walk_table tables[WALK_TABLES];
	__u32 count, nets;
	__u32 done;
	__u32 lost; /* the namespace to go on behind is gone: begin anew */
	__u64 own;  /* the caller's own namespace */
	__u64 ns;
};

#endif
