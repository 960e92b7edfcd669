/* SPDX-License-Identifier: MIT */
#include "enrich/attribute.h"

#include <string.h>

#include "stats/stats.h"

static void clear(struct record *r)
{
	static const struct str none = {"", 0};

	r->sections &= ~RECORD_HAS(OWNER);
	r->pid = r->owner_count = 0;
	r->comm = r->unit = r->pod_uid = r->pod_namespace = r->pod_name = none;
}

static void attribute_owner(const struct owner *owner, struct record *r)
{
	r->pid = owner->pid;
	r->owner_count = owner->others;
	r->comm = str_of(owner->comm);
	r->sections |= RECORD_HAS(OWNER);
}

/* A place that knows a container or a pod. */
static bool is_contained(const struct place *p)
{
	return p && (p->container.id[0] || p->pod_uid[0]);
}

void attribute_place(const struct place *of_socket, const struct place *of_owner,
		     const struct container *of_namespace, struct record *r)
{
	const struct place *in = is_contained(of_socket)  ? of_socket
				 : is_contained(of_owner) ? of_owner
							  : NULL;
	const struct place *unit = of_owner && of_owner->unit[0] ? of_owner : of_socket;
	const struct container *container = of_namespace;

	if (in && in->container.id[0] &&
	    (!of_namespace || strcmp(in->container.id, of_namespace->id) != 0 || !of_namespace->name[0]))
		container = &in->container;
	container_to_record(container, r);
	if (unit && unit->unit[0]) {
		r->unit = str_of(unit->unit);
		r->sections |= RECORD_HAS(OWNER);
	}
	if (in && in->pod_uid[0]) {
		r->pod_uid = str_of(in->pod_uid);
		r->pod_namespace = str_of(in->pod_namespace);
		r->pod_name = str_of(in->pod_name);
		r->sections |= RECORD_HAS(OWNER);
	}
}

static uint64_t cgroup_of(const struct record *r)
{
	return r->sections & RECORD_HAS(CGROUP) ? r->c_group : 0;
}

static uint32_t inode_of(const struct record *r)
{
	return r->sections & RECORD_OWNED ? r->inet_diag_msg_inode : 0;
}

static bool find_owner(const struct attributor *a, uint32_t inode, int64_t deadline_ns, struct owner *found)
{
	if (a->owners)
		return owners_find(a->owners, inode, deadline_ns, found);
	bool known = a->told && owner_table_find(a->told, inode, found);
	stat_add(STAT_OWNER_UNKNOWN, a->told && inode && !known);
	return known;
}

void attribute(const struct attributor *a, const struct container *of_namespace, int64_t deadline_ns,
	       struct attribution *room, struct record *r)
{
	uint64_t place = 0;

	clear(r);
	if (find_owner(a, inode_of(r), deadline_ns, &room->owner)) {
		attribute_owner(&room->owner, r);
		place = room->owner.place;
	}
	if (a->cgroups)
		attribute_place(cgroups_find(a->cgroups, cgroup_of(r)), cgroups_find(a->cgroups, place),
				of_namespace, r);
}

void attribute_closed(const struct attributor *a, const struct container *of_namespace,
		      struct attribution *room, struct record *r)
{
	uint64_t place = 0;
	bool of_socket = false, of_owner = false;

	clear(r);
	if ((a->owners && owners_recall(a->owners, inode_of(r), &room->owner)) ||
	    (a->told && owner_table_find(a->told, inode_of(r), &room->owner))) {
		attribute_owner(&room->owner, r);
		place = room->owner.place;
	}
	if (!a->cgroups)
		return;
	of_socket = cgroup_of(r) && cgroups_recall(a->cgroups, cgroup_of(r), &room->of_socket);
	of_owner = place && cgroups_recall(a->cgroups, place, &room->of_owner);
	attribute_place(of_socket ? &room->of_socket : NULL, of_owner ? &room->of_owner : NULL, of_namespace,
			r);
}
