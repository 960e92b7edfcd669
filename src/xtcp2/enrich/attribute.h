/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_ATTRIBUTE_H
#define ENRICH_ATTRIBUTE_H
/*
 * Tell whose a socket is: owner, unit, container and pod of one record. A container in
 * whose cgroup the socket was made, else that of its owner, is named instead of the one
 * that its network namespace is known for: several may share a namespace.
 */
#include "enrich/cgroups.h"
#include "enrich/owner_table.h"
#include "enrich/owners.h"
#include "record/record.h"

/* Where to ask; each may be NULL. Borrowed. */
struct attributor {
	struct owners *owners;	  /* -owners, with a source that does not tell them */
	struct owner_table *told; /* -owners, with one that does */
	struct cgroups *cgroups;  /* -owners or -resolveContainerId */
};

/* Room for texts that a record borrows; one per producer of records. */
struct attribution {
	struct owner owner;
	struct place of_socket, of_owner;
};

/*
 * Fill the section OWNER of a polled record and its container fields. of_namespace: the container that the
 * namespace is known for, NULL for none. deadline_ns as of owners_find(). The record borrows from room and from the
 * cgroups, until the next poll begins at the most.
 */
void attribute(const struct attributor *a, const struct container *of_namespace, int64_t deadline_ns,
	       struct attribution *room, struct record *record);

/* The same for a socket that is closed: what is known, without looking for more. Borrows from room. */
void attribute_closed(const struct attributor *a, const struct container *of_namespace,
		      struct attribution *room, struct record *record);

/* Fill unit, pod and container from the places of the socket and of its owner; either may be NULL. */
void attribute_place(const struct place *of_socket, const struct place *of_owner,
		     const struct container *of_namespace, struct record *record);

#endif
