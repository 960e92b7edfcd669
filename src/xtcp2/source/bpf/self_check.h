/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_SELF_CHECK_H
#define SOURCE_BPF_SELF_CHECK_H
/* Whether the BPF source reads on this kernel what netlink does. */
#include "source/source.h"

/*
 * Make a listener and a connection over loopback in the own namespace, read them with netlink, with BPF, and with
 * netlink again, and compare field by field what netlink said both times. 0, or -errno with a clause in why (size
 * bytes): -EBADMSG for a difference, -EAGAIN when no attempt read all of these sockets. Takes as long as two dumps and a walk,
 * several times where readings are cut. Between polls, on the main thread.
 */
int bpf_self_check(const struct source_config *config, struct netns_table *table, char *why, size_t size);

#endif
