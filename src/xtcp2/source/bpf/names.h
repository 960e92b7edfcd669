/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_NAMES_H
#define SOURCE_BPF_NAMES_H
/*
 * Which entry of the table of namespaces a socket belongs to, by the cookie of its namespace: a cache of one
 * poll in front of netns_table_find_by_inode(). One thread.
 */
#include <stddef.h>
#include <stdint.h>

#include "netns/netns.h"

struct name {
	uint64_t cookie; /* 0: free */
	uint32_t inode;
	struct netns *ns; /* NULL: not in the table */
	char held[24];	  /* then: "socket:PID" or "fd:PID" by a process that holds it, "" for none */
};

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

#endif
