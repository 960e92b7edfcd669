/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_ENRICHMENT_H
#define ENRICH_ENRICHMENT_H
/*
 * The facts about a namespace that are looked up, because the kernel's records of sockets do not carry
 * them. The table of namespaces keeps the pointer and frees the object with the namespace. Main thread,
 * between polls; during a poll the worker that owns the namespace may read it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "enrich/container.h"
#include "netns/netns.h"

struct enrichment {
	struct container *container; /* a reference; NULL for none */
	pid_t asked_pid;	     /* the process whose cgroup was read last */
	/* The name of the container: asked for, received, and the number of attempts. */
	bool name_asked, name_known;
	uint8_t name_attempts;
};

/* Return the enrichment of the namespace, made when it has none; NULL without memory. */
struct enrichment *enrichment_make(struct netns *ns);

/* Return the container of the namespace, borrowed; NULL for none. */
struct container *enrichment_container(const struct netns *ns);

#endif
