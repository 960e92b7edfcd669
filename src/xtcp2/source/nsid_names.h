/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_NSID_NAMES_H
#define SOURCE_NSID_NAMES_H
/*
 * Theory of operation: the namespace that an nsid stands for
 *
 * An event names its namespace by a number, the nsid. An nsid is free again when
 * its namespace ends, and the kernel assigns the lowest free one to the next
 * namespace, often before a scan has seen either: a veth pair into a new container
 * is enough. So a name is valid until the kernel announces that the nsid was
 * withdrawn (RTM_DELNSID). It sends that message after the last event of the old
 * namespace and before the first event of the next one, but on another socket than
 * the events: an event read after the message may have been sent before it. A name
 * therefore stays until all events have been read that waited when the message
 * came. If the nsid is assigned again (RTM_NEWNSID) before that, events with it
 * have no name in the meantime, because they may belong to either namespace: no
 * name is better than a wrong one.
 *
 * Not thread-safe: the owner of the events holds a lock.
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
 * Subscribe to the messages about nsids, on a thread with CAP_NET_ADMIN in effect (only
 * for the size of the receive buffer). NULL with errno.
 */
struct nsid_names *nsid_names_new(void);
void nsid_names_free(struct nsid_names *p);

/* Return a descriptor that is readable when nsids changed. */
int nsid_names_fd(const struct nsid_names *p);

/*
 * Process the waiting messages about nsids, without waiting for more. Call it before
 * and after reading events. Return the number of this call, for nsid_names_settle().
 */
uint32_t nsid_names_read(struct nsid_names *p);

/*
 * Declare that all events have been read that waited after call number `upto` of
 * nsid_names_read(). Drops the names of nsids withdrawn by then.
 */
void nsid_names_settle(struct nsid_names *p, uint32_t upto);

/* Return the name of the nsid; an empty one when it is unknown or in doubt. Never NULL. */
const struct nsid_name *nsid_names_get(const struct nsid_names *p, int32_t nsid);

/* Return whether the nsid that the namespace had at the last nsid_names_learn() is still its own. */
bool nsid_names_holds(const struct nsid_names *p, const struct netns *ns);

/* Make room for a new nsid, so that its end is noticed. Return false if it is too high or memory runs out. */
bool nsid_names_reserve(struct nsid_names *p, int32_t nsid);

/* Name ns->nsid after the namespace, unless events of its previous owner may still wait. */
void nsid_names_learn(struct nsid_names *p, const struct netns *ns);

/* Name one entry after the namespace. */
void nsid_name_set(struct nsid_name *place, const struct netns *ns);
void nsid_name_clear(struct nsid_name *place);

#endif
