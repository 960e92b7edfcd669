/* SPDX-License-Identifier: MIT */
#ifndef RUN_BPF_H
#define RUN_BPF_H
/* The choice of the source of records (-source), and the BPF source's programs. */
#include "source/source.h"

struct config;
struct handover;

/*
 * Load the programs of the BPF source where -source asks for it, while the process has the capabilities for that; or
 * take those of the process before. Set source->walker. Return 0, or -EINVAL (logged) where -source bpf cannot run.
 */
int bpf_prepare(const struct config *config, struct source_config *source, const struct handover *received);
/* Add the programs' descriptors, which stay the walker's, to those for a trial; or copies to those for the next process. */
void bpf_lend(const struct source_config *source, struct handover *left);
void bpf_give(const struct source_config *source, struct handover *left);
/*
 * For netns_options.processes: call fn for each process, by the programs of the struct source_config `source`. 0, or -errno where
 * it has none. Between polls, on the main thread.
 */
int bpf_processes(void *source, void (*fn)(void *data, pid_t pid, ino_t inode), void *data);
/* NULL is fine. */
void bpf_release(struct source_config *source);

/*
 * Decide which source reads from now on, with its name: BPF where its programs are loaded and read what netlink does,
 * else netlink. NULL (logged) where -source bpf does not. A trial reads nothing: the daemon that waits for it may be
 * in the middle of a walk. Before the first poll, on the main thread.
 */
const struct source_ops *bpf_choose(const struct config *config, struct source_config *source,
				    struct netns_table *table, bool trial, const char **name);

#endif
