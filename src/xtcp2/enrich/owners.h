/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_OWNERS_H
#define ENRICH_OWNERS_H
/*
 * Theory of operation: owners
 *
 * The kernel tells a socket's inode and not who holds it; only the descriptors of all
 * processes (/proc/PID/fd) do, the other way round. Reading them costs more than a poll.
 * So a table remembers for each inode who holds it, and a walk of the processes goes on
 * only while a poll meets an inode that the table lacks, from the place where the last
 * one stopped, and no further than the process that has it. A round of the walk begins at
 * the first process and ends behind the last one.
 *
 *   known descriptors  are not read again while the socket behind them is alive: in the
 *                      first round of a poll "alive" means seen since the last poll, in the
 *                      second one seen in this one, because a new socket takes the number of
 *                      one that was closed since. With more than some thousand sockets the
 *                      second round is left to the next poll, which knows what was closed
 *   ends of processes  The inode of /proc/PID/fd belongs to the process, not to its number:
 *                      it is compared once per poll for each process that owns something
 *   sockets passed on  are found by a full round, at the first poll and then every
 *                      OWNERS_ROUND_NS; until then the former owner is named
 *   several owners     The lowest number of a round is named, the others are counted
 *
 * Limits: the walk takes OWNERS_PERCENT of one processor (CPU time), after a burst of OWNERS_BURST_NS,
 * and half of the time that a poll has left; what is not found then has no owner in this
 * poll. Memory: some 70 bytes for each of the sockets to remember. A socket that nobody is
 * found to hold is looked for again after 1, 2, 4 ... 64 polls. Descriptors of a thread
 * that shares none with its process are not seen, nor sockets inside an SCM_RIGHTS message.
 *
 * Without CAP_DAC_READ_SEARCH, /proc/PID/fd cannot be listed; /proc/PID/fdinfo can since
 * Linux 5.14, with CAP_SYS_PTRACE, and tells the inode as well.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define OWNERS_PERCENT	5
#define OWNERS_BURST_NS (2 * NS_PER_SEC)
#define OWNERS_ROUND_NS (60 * NS_PER_SEC)

/* Length of a process's name with its NUL, as the kernel keeps it. */
#define OWNER_COMM_SIZE 16

struct cgroups;
struct owners;

/* Copy a process's name of at most len bytes, which ends at NUL or line feed; what is not UTF-8 for certain becomes '?'. */
void owner_comm_copy(char to[static OWNER_COMM_SIZE], const char *from, size_t len);

struct owner {
	uint32_t pid, others;
	char comm[OWNER_COMM_SIZE]; /* UTF-8 */
	uint64_t place;		    /* for cgroups_find(); 0 for none */
};

/* Remember at least `sockets` sockets. cgroups is borrowed; NULL: places are not asked for. NULL with errno. */
struct owners *owners_new(size_t sockets, struct cgroups *cgroups);
void owners_free(struct owners *o);

/* A poll begins. Main thread, between polls. */
void owners_poll_begins(struct owners *o);

/*
 * Find who holds the socket, walking processes where it is not known, for half of the time until deadline_ns
 * (CLOCK_MONOTONIC) at most. Return false when nobody is found. Any thread.
 */
bool owners_find(struct owners *o, uint32_t inode, int64_t deadline_ns, struct owner *found);

/* As owners_find() for a socket that is closed by now: what was known of it, without a walk. */
bool owners_recall(struct owners *o, uint32_t inode, struct owner *found);

#endif
