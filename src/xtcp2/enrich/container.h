/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_CONTAINER_H
#define ENRICH_CONTAINER_H
/*
 * The container that a namespace belongs to, found in the cgroup of one of its processes. Best effort: none
 * is found for a namespace without processes, for one shared with the host, and for a runtime that names its
 * cgroups in another way.
 */
#include <stdbool.h>
#include <stddef.h>

#include "netns/netns.h"
#include "record/record.h"

/* Length of an identifier: 64 hexadecimal digits (Docker, containerd, CRI-O, Podman), or a name (LXC), cut
 * here. */
#define CONTAINER_ID_MAX   64
/* Longest name and image kept; a longer one is left out. */
#define CONTAINER_NAME_MAX 255

/* Immutable once made, so that a reader on another thread needs no more than a reference. */
struct container {
	unsigned refs; /* atomic: the main thread and that of close events let go of it */
	/* "docker", "containerd", "cri-o", "podman", "lxc", "kubernetes"; "" for unknown */
	const char *runtime;
	char id[CONTAINER_ID_MAX + 1];
	char name[CONTAINER_NAME_MAX + 1]; /* name and image are "" until the runtime's API has told them */
	char image[CONTAINER_NAME_MAX + 1];
};

/* Find the innermost container in the text of /proc/PID/cgroup (both versions). Pure. */
bool container_parse(const char *text, struct container *c);

/* Return a copy with name and image and one reference; NULL without memory. */
struct container *container_named(const struct container *c, const char *name, const char *image);

/* Take and drop a reference. Any thread. NULL is fine. */
struct container *container_ref(struct container *c);
void container_unref(struct container *c);

/* Set the four container fields of the record, to "" when c is NULL. They borrow from c. */
void container_to_record(const struct container *c, struct record *record);

/*
 * Look for the containers of the namespaces that have none yet, a bounded number per call; each process is
 * looked at once. After a scan, not while a poll runs.
 */
void containers_resolve(struct netns *const *entries, size_t count);

#endif
