/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_WALKER_H
#define SOURCE_BPF_WALKER_H
/*
 * The programs of *.bpf.c in the kernel, and the memory shared with them. Loading needs CAP_BPF and
 * CAP_PERFMON; running needs no capability, nor does adopting what another process has loaded, by its
 * descriptors. One thread of one process at a time.
 */
#include <stddef.h>
#include <sys/types.h>

#include "source/bpf/layout.h"

/* The descriptors of a walker. */
enum {
	WALKER_SLOTS,
	WALKER_SHARED,
	WALKER_WALK,
	WALKER_NETS,
	WALKER_DESCRIPTORS,
	WALKER_PROCESSES,
	WALKER_FDS
};

struct walker {
	struct layout layout;
	struct walk_request *request;
	const struct walk_answer *answer;
	struct walk_nets *nets;
	const struct walk_slot *slots; /* WALK_SLOTS, of which answer->count are filled */
	int fds[WALKER_FDS];
	/* Private to walker.c. */
	struct bpf_link *descriptors, *processes;
	struct walk *skeleton; /* owns the descriptors and the shared memory; NULL after adoption */
	void *shared;
	size_t shared_size, slots_size;
};

/*
 * Ask for the layout and load the programs. NULL with errno and a clause in error (size bytes). Start-up alone: it
 * needs the capabilities and some 30 MB, which it gives back.
 */
struct walker *walker_new(char *error, size_t size);
/*
 * Make a walker of the descriptors of another process's, of this program and the same kernel; they are the walker's
 * from then on, or closed. NULL as with walker_new(). Until the other process has ended, run nothing.
 */
struct walker *walker_adopt(const int fds[WALKER_FDS], char *error, size_t size);
/* NULL is fine. */
void walker_free(struct walker *w);

/* Run one slice, as *request asks; or one over the namespaces, as *nets asks. 0 or -errno. */
int walker_run(struct walker *w);
int walker_run_nets(struct walker *w);

/*
 * Pass through the descriptors of all processes that this one may number: call fn for each socket of TCP and each open
 * network namespace, process by process. 0, -ETIMEDOUT at deadline_ns (CLOCK_MONOTONIC), or -errno; what fn returns
 * below 0 ends the pass, too. Others may run meanwhile.
 */
int walker_descriptors(struct walker *w, int64_t deadline_ns,
		       int (*fn)(void *data, const struct walk_descriptor *descriptor), void *data);

/*
 * Call fn for each process that this one may number, in their order, with the inode of its network namespace. 0 or
 * -errno, also after some calls.
 */
int walker_processes(struct walker *w, void (*fn)(void *data, pid_t pid, ino_t inode), void *data);

#endif
