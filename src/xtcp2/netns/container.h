/* SPDX-License-Identifier: MIT */
#ifndef NETNS_CONTAINER_H
#define NETNS_CONTAINER_H
/*
 * The container that a namespace belongs to, as the cgroup of one of its
 * processes tells. Best effort: a namespace without processes, one shared with
 * the host, or a runtime that names its cgroups in another way has none.
 */
#include <stdbool.h>
#include <stddef.h>

#include "netns/netns.h"

/* Docker, containerd, CRI-O and Podman: 64 hexadecimal digits; LXC: a name, cut off from here on. */
#define CONTAINER_ID_MAX   64
/* Longest name and image kept; a longer one is left out. */
#define CONTAINER_NAME_MAX 255

/* Never changed once made: a reader on another thread keeps a reference. */
struct container {
	unsigned refs; /* of the main thread's making */
	/* "docker", "containerd", "cri-o", "podman", "lxc", "kubernetes"; "" for unknown */
	const char *runtime;
	char id[CONTAINER_ID_MAX + 1];
	char name[CONTAINER_NAME_MAX + 1]; /* the next two: "" unless the runtime was asked */
	char image[CONTAINER_NAME_MAX + 1];
};

/* From the text of /proc/PID/cgroup (both versions): the innermost container in it. Pure. */
bool container_parse(const char *text, struct container *c);

/* A copy with name and image and one reference; NULL without memory. */
struct container *container_named(const struct container *c, const char *name, const char *image);

/* Main thread. NULL is fine. */
struct container *container_ref(struct container *c);
void container_unref(struct container *c);

/*
 * Looks for the containers of those namespaces that have none yet, a bounded
 * number in a call; each process is asked once. After a scan, not while a poll runs.
 */
void containers_resolve(struct netns *const *entries, size_t count);

#endif
