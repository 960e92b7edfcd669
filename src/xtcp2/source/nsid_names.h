/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_NSID_NAMES_H
#define SOURCE_NSID_NAMES_H
/*
 * What the namespaces behind the numbers (nsid) of events are called.
 *
 * A number is free again when its namespace ends, and the kernel gives the
 * lowest free one to the next namespace, often before any scan has seen either:
 * a veth pair into a new container is enough. So a name is valid for as long as
 * the kernel has not said that the number was taken back (RTM_DELNSID). It sends
 * that after the last event of the old namespace and before the first one of the
 * next, but on another socket than events: an event read after the word may
 * have been sent before it. Hence a name outlives its number until all
 * events have been read that waited when the word came, and if the number was
 * given away (RTM_NEWNSID) before that, what comes with it meanwhile has no name,
 * because it cannot be told whose it is. Wrong is never better than unknown.
 *
 * Not thread-safe: the owner of the events has the lock.
 */
#include <stdbool.h>
#include <stdint.h>

#include "netns/netns.h"

struct container;

struct nsid_name {
	char *name; /* owned; NULL: unknown */
	uint64_t ino, cookie;
	struct container *container; /* a reference; NULL for none */
};

struct nsid_names;

/*
 * Listens for numbers taken back, on a thread with CAP_NET_ADMIN in effect (for
 * the size of the buffer only). NULL with errno.
 */
struct nsid_names *nsid_names_new(void);
void nsid_names_free(struct nsid_names *p);

/* Readable when numbers changed. */
int nsid_names_fd(const struct nsid_names *p);

/*
 * Takes in what changed, without waiting. Call it before and after reading
 * events. Returns the number of this reading, for nsid_names_settle().
 */
uint32_t nsid_names_read(struct nsid_names *p);

/* Every event has been read that waited after reading `upto`: names of numbers taken back by then go. */
void nsid_names_settle(struct nsid_names *p, uint32_t upto);

/* The place of the number; one without a name when it is unknown or in doubt. Never NULL. */
const struct nsid_name *nsid_names_get(const struct nsid_names *p, int32_t nsid);

/* Whether the number that the namespace had at the last nsid_names_learn() is still its own. */
bool nsid_names_holds(const struct nsid_names *p, const struct netns *ns);

/* Makes room for a number just given, so that its end is noticed. False: too high, or no memory. */
bool nsid_names_reserve(struct nsid_names *p, int32_t nsid);

/* Calls the number ns->nsid like the namespace, unless its last owner's events may still wait. */
void nsid_names_learn(struct nsid_names *p, const struct netns *ns);

/* Names one place like the namespace. */
void nsid_name_set(struct nsid_name *place, const struct netns *ns);
void nsid_name_clear(struct nsid_name *place);

#endif
