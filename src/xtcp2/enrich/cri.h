/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_CRI_H
#define ENRICH_CRI_H
/*
 * Theory of operation: names of pods and containers by the container runtime
 *
 * A thread of its own asks containerd or CRI-O over its UNIX socket (gRPC, the Kubernetes
 * container runtime interface) for all pods and all running containers: two calls that
 * list and change nothing. It asks when a container is met that the last list does not
 * have, and waits between two lists: CRI_PAUSE_NS, twice as long after each list that named
 * nothing, up to CRI_PAUSE_MAX_NS. Both calls have CRI_ANSWER_NS together. A runtime that
 * hangs costs names, never a poll.
 *
 * The socket is usually root's alone: cri_new() connects while the process is root, and the
 * connection is kept. After the runtime has closed it the thread connects with the rights
 * that are left.
 */
#include <stddef.h>

#include "base/clock.h"
#include "netns/netns.h"

#define CRI_PAUSE_NS	 NS_PER_SEC
#define CRI_PAUSE_MAX_NS (30 * NS_PER_SEC)
#define CRI_ANSWER_NS	 (5 * NS_PER_SEC)

struct cgroups;
struct cri;

/*
 * Connect, without waiting. socket: a path, copied; "auto" for the first of the usual ones that
 * exists, now or later. A runtime that is not there is no error. NULL with errno.
 */
struct cri *cri_new(const char *socket);
/* Start the thread, once privileges are dropped. 0 or -errno. */
int cri_start(struct cri *c);
/* End the thread; running calls are cut off. NULL is fine. */
void cri_free(struct cri *c);

/*
 * Name the containers of cgroups (NULL for none) and namespaces by the last list, and have it made anew where it lacks
 * one. Main thread, not while a poll runs. Never blocks.
 */
void cri_follow(struct cri *c, struct netns *const *entries, size_t count, struct cgroups *cgroups);

#endif
