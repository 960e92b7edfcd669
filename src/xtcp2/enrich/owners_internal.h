/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_OWNERS_INTERNAL_H
#define ENRICH_OWNERS_INTERNAL_H
/* What the table of owners (owners.c) and the walk of the processes (owners_walk.c) share. */
#include <dirent.h>
#include <pthread.h>

#include "base/bucket.h"
#include "enrich/owners.h"

/* Entries of one bucket of the tables. */
#define OWNERS_WAYS 8

/*
 * Processes are identified by the inode number of their directory in /proc (`token`): the kernel gives a new one
 * to each process, whatever its number, and now and then to one that lives, which costs a look.
 */
struct process {
	uint32_t token; /* 0: free */
	uint32_t pid;
	uint32_t round;	  /* in which the walk met it last */
	uint32_t checked; /* poll in which it was there */
	uint32_t told;	  /* round in which name and place were read; 0: not yet */
	char comm[OWNER_COMM_SIZE];
	uint64_t place;
};

struct held {
	uint32_t inode;	      /* 0: free */
	uint32_t seen;	      /* poll that asked for it last */
	uint32_t round;	      /* the round that met it last, and what it has met so far: */
	uint32_t token, last; /* the process with the lowest number; the one counted last */
	uint32_t pid;	      /* of token */
	uint16_t count;
	uint16_t before_count; /* the same of the round before it; before is 0 when that met none */
	uint32_t before;
	uint32_t retry; /* not found: next poll to look for it */
	uint8_t misses;
};

/* What a descriptor was when it was read. */
struct descriptor {
	uint32_t token, fd, inode;
};

struct owners {
	pthread_mutex_t lock; /* guards the tables and what follows up to `walk_lock` */
	uint32_t poll;
	struct held *held;
	struct process *processes;
	struct descriptor *descriptors;
	unsigned held_order, descriptors_order; /* log2 of the number of buckets */

	pthread_mutex_t walk_lock; /* one walker; taken before `lock` */
	uint32_t round;		   /* changed under both locks */
	DIR *proc, *inner;	   /* /proc; the directory of the process */
	int proc_fd;		   /* /proc, for any thread */
	const char *directory;	   /* "fd" or "fdinfo" */
	int sockfs;		   /* mnt_id of all sockets, for fdinfo */
	uint32_t pid, token;	   /* of inner */
	size_t skipped;		   /* descriptors that this poll did not read again */
	bool strict;		   /* believe only in what this poll has seen */
	bool thorough;		   /* the round goes on to its end */
	unsigned rounds_left;	   /* of this poll; 0 before its first search */
	bool exhausted;		   /* this poll looks no further; atomic */
	bool begun;		   /* this poll has searched */
	bool due;		   /* a thorough round is due; atomic */
	int64_t limit_ns;	   /* of this poll's walk */
	int64_t round_end_ns;
	uint64_t denied; /* processes of this round */
	bool told_denied;
	struct bucket budget;
	struct cgroups *cgroups;
};

/* 0 or -errno. */
int owners_walk_init(struct owners *o);
void owners_walk_free(struct owners *o);
/* Look at one descriptor, or step to the next process; return false when a round has ended. Under walk_lock. */
bool owners_walk_one(struct owners *o);

/* The tables, under `lock`. */

/* Note that the process of the walk holds the socket. */
void owners_note(struct owners *o, uint32_t inode);
/* Return the entry of the inode, NULL for none. */
struct held *owners_entry(const struct owners *o, uint32_t inode);
/* Return the process, made when `make`; NULL for none. */
struct process *owners_process(const struct owners *o, uint32_t token, bool make);
/* Return the place of the descriptor: what it holds may be another one. */
struct descriptor *owners_descriptor(const struct owners *o, uint32_t token, uint32_t fd);

#endif
