/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BPF_ASK_H
#define SOURCE_BPF_ASK_H
/*
 * Cookies for sockets that have none. The kernel gives a socket its cookie when somebody first asks for it; a
 * BPF program cannot. So a socket is asked for once, through netlink in its namespace; from then on the walk
 * reads the cookie with the rest.
 */
#include "netns/netns.h"
#include "record/kernel_abi.h"

/*
 * Set the cookie of msg, which a walk of this namespace has made, by an exact lookup. 0, or -errno (-ENOENT: the
 * socket is no more, or the lookup finds another one). Opens the namespace as the netlink source does.
 */
int ask_cookie(struct netns *ns, struct abi_inet_diag_msg *msg);

/* Give cookies to all sockets of these states (bit N for state N) by a dump without attributes. 0 or -errno. */
int ask_all(struct netns *ns, uint32_t states);

#endif
