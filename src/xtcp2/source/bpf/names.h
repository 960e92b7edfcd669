/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_NAMES_H
#define SOURCE_BPF_NAMES_H
/*
 * Which entry of the table of namespaces a socket belongs to, by the cookie of its namespace: a cache of one
 * poll in front of netns_table_find_by_inode(). One thread.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "netns/netns.h"

struct container;

/* What the records of a namespace's sockets take of it, in one cache line: each socket of a table may be of another one. */
struct name {
	uint64_t cookie;	     /* 0: free */
	struct netns *ns;	     /* NULL: not in the table */
	struct str netns;	     /* its name there */
	struct container *container; /* borrowed for the poll; NULL for none */
	uint32_t inode, nsid;
	char
	    held[16]; /* not in the table: "socket:PID" or "fd:PID" by a process that holds it, "" for none */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct name) == 64, "one cache line");

/* Zeroed is empty. */
struct names {
	struct name *slots;
	size_t size, used; /* size: a power of two */
};

/* Forget all, for the next poll. 0 or -ENOMEM. */
int names_reset(struct names *n);
void names_free(struct names *n);

/*
 * The namespace of this cookie and inode; valid until the next call. Sets the cookie of an entry that has none, or
 * an older one while no socket of ours holds the namespace: the kernel reuses inodes. NULL without memory.
 */
struct name *names_find(struct names *n, struct netns_table *table, uint64_t cookie, uint32_t inode);

/* Begin to load what names_find() of this cookie will look at. */
void names_expect(const struct names *n, uint64_t cookie);

#endif
