/* SPDX-License-Identifier: MIT */
#ifndef RUN_BPF_H
#define RUN_BPF_H
/* The choice of the source of records (-source), and the BPF source's programs. */
#include "source/source.h"

struct config;

/*
 * Load the programs of the BPF source where -source asks for it, while the process has the capabilities for that.
 * Sets source->walker. 0, or -EINVAL (logged) where -source bpf cannot be had.
 */
int bpf_prepare(const struct config *config, struct source_config *source);
/* NULL is fine. */
void bpf_release(struct source_config *source);

/*
 * Decide which source reads from now on, with its name: BPF where its programs are loaded and read what netlink does,
 * else netlink. NULL (logged) where -source bpf does not. Before the first poll, on the main thread.
 */
const struct source_ops *bpf_choose(const struct config *config, struct source_config *source,
				    struct netns_table *table, const char **name);

#endif
