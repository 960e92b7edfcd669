/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_DOCKER_H
#define ENRICH_DOCKER_H
/*
 * Names and images of containers, asked of the Docker API (Podman has the same) on its UNIX socket by a
 * thread of its own: a daemon that hangs costs names, never a poll. Best effort: a bounded number of requests
 * waits, each container is asked for a few times, and failures are counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrich/container.h"
#include "netns/netns.h"

struct cgroups;
struct docker;

/* Start the thread. socket_path is copied. Return NULL with errno. */
struct docker *docker_new(const char *socket_path);
/* End the thread; a running request is cut off. NULL is fine. */
void docker_free(struct docker *d);

/*
 * Take over the answers that came and ask for the names that are missing. Replaces containers of the
 * namespaces' enrichment, and names those of the cgroups (NULL for none). Main thread, not while a poll runs. Never blocks.
 */
void docker_follow(struct docker *d, struct netns *const *entries, size_t count, struct cgroups *cgroups);

/*
 * For who looks once: wait until all that was asked for is answered, until deadline_ns (CLOCK_MONOTONIC) at most.
 * Return how many answers docker_follow() can take.
 */
size_t docker_wait(struct docker *d, int64_t deadline_ns);

/*
 * Read name and image from the API's description of a container; "" for one that is missing or too long to
 * keep. Pure. Return false when there is neither.
 */
bool docker_parse(const char *json, size_t len, char name[static CONTAINER_NAME_MAX + 1],
		  char image[static CONTAINER_NAME_MAX + 1]);

#endif
