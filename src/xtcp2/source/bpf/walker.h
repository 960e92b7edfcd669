/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_WALKER_H
#define SOURCE_BPF_WALKER_H
/*
 * The programs of walk.bpf.c in the kernel, and the memory shared with them. Loading needs CAP_BPF and
 * CAP_PERFMON; running needs no capability. One thread at a time.
 */
#include <stddef.h>

#include "source/bpf/layout.h"

struct walker {
	struct layout layout;
	struct walk_request *request;
	const struct walk_answer *answer;
	struct walk_nets *nets;
	const struct walk_slot *slots; /* WALK_SLOTS, of which answer->count are filled */
	/* Private to walker.c. */
	struct walk *skeleton;
	size_t slots_size;
	int walk_fd, nets_fd;
};

/*
 * Ask for the layout and load the programs. NULL with errno and a clause in error (size bytes). Start-up alone: it
 * needs the capabilities and some 30 MB, which it gives back.
 */
struct walker *walker_new(char *error, size_t size);
/* NULL is fine. */
void walker_free(struct walker *w);

/* Run one slice, as *request asks; or one over the namespaces, as *nets asks. 0 or -errno. */
int walker_run(struct walker *w);
int walker_run_nets(struct walker *w);

#endif
