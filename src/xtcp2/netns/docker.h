/* SPDX-License-Identifier: MIT */
#ifndef NETNS_DOCKER_H
#define NETNS_DOCKER_H
/*
 * Asks the Docker API (Podman has the same) on its Unix socket for the names and
 * images of containers, on a thread of its own: a daemon that hangs costs
 * names, never a poll. Best effort: a bounded number waits, each is asked for a
 * few times, and what fails is counted.
 */
#include <stdbool.h>
#include <stddef.h>

#include "netns/container.h"
#include "netns/netns.h"

struct docker;

/* Starts the thread. socket_path is copied. NULL with errno. */
struct docker *docker_new(const char *socket_path);
/* Ends the thread; a request that runs is cut off. NULL is fine. */
void docker_free(struct docker *d);

/*
 * Takes over the answers that came and asks for those that are missing.
 * Replaces ns->container. Main thread, not while a poll runs. Never blocks.
 */
void docker_follow(struct docker *d, struct netns *const *entries, size_t count);

/*
 * Name and image out of the API's description of a container; "" for one that is
 * not there or too long to keep. Pure. False when there is neither.
 */
bool docker_parse(const char *json, size_t len, char name[static CONTAINER_NAME_MAX + 1],
		  char image[static CONTAINER_NAME_MAX + 1]);

#endif
