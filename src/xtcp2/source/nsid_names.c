/* SPDX-License-Identifier: MIT */
#include "source/nsid_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enrich/enrichment.h"
#include "netns/nsid.h"

/*
 * The largest nsid that gets a name. The kernel assigns the lowest free one to the
 * daemon, so these stay below the number of namespaces; a user may choose higher ones.
 */
#define NSID_MAX (1 << 20)

/* Initial size of the table; doubled as needed. */
#define NSID_NAMES_MIN 64

#define NSID_NAMES_LOG_NS (60 * NS_PER_SEC)

struct numbered {
	struct nsid_name place;
	uint32_t retired; /* the number of the reading that reported its end; 0 while it exists */
	bool reused;	  /* and the nsid is already assigned again */
};

struct nsid_names {
	int fd;
	uint32_t reading;
	size_t count, retired; /* number of retired ones */
	struct numbered *numbers;
};

static const struct nsid_name unknown;

struct nsid_names *nsid_names_new(void)
{
	struct nsid_names *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->fd = nsid_watch_socket();
	if (p->fd < 0) {
		errno = -p->fd;
		free(p);
		return NULL;
	}
	return p;
}

void nsid_name_clear(struct nsid_name *place)
{
	free(place->name);
	container_unref(place->container);
	*place = unknown;
}

void nsid_names_free(struct nsid_names *p)
{
	if (!p)
		return;
	cleanup_closep(&p->fd);
	for (size_t i = 0; i < p->count; i++)
		nsid_name_clear(&p->numbers[i].place);
	free(p->numbers);
	free(p);
}

int nsid_names_fd(const struct nsid_names *p)
{
	return p->fd;
}

static struct numbered *number_at(const struct nsid_names *p, int32_t nsid)
{
	return nsid >= 0 && (size_t)nsid < p->count ? &p->numbers[nsid] : NULL;
}

static void retire(struct nsid_names *p, struct numbered *n)
{
	p->retired += n->retired == 0;
	n->retired = p->reading;
}

/* Changes were lost: any nsid may belong to another namespace by now. */
static void retire_all(struct nsid_names *p)
{
	static struct log_limit limit;
	uint64_t suppressed;

	for (size_t i = 0; i < p->count; i++) {
		retire(p, &p->numbers[i]);
		p->numbers[i].reused = true;
	}
	if (log_limit_pass(&limit, NSID_NAMES_LOG_NS, &suppressed))
		log_warn("close", "more namespaces ended than could be followed: closed connections have no "
				  "namespace's name until the next poll");
}

uint32_t nsid_names_read(struct nsid_names *p)
{
	int32_t nsid;
	bool gone;
	int r;

	p->reading++;
	while ((r = nsid_watch_read(p->fd, &nsid, &gone)) > 0 || r == -ENOBUFS) {
		struct numbered *n = r > 0 ? number_at(p, nsid) : NULL;
		if (r < 0)
			retire_all(p);
		else if (n && gone)
			retire(p, n);
		else if (n && n->retired)
			n->reused = true;
	}
	return p->reading;
}

void nsid_names_settle(struct nsid_names *p, uint32_t upto)
{
	for (size_t i = 0; i < p->count && p->retired > 0; i++) {
		struct numbered *n = &p->numbers[i];
		if (n->retired == 0 || n->retired > upto)
			continue;
		nsid_name_clear(&n->place);
		n->retired = 0;
		n->reused = false;
		p->retired--;
	}
}

const struct nsid_name *nsid_names_get(const struct nsid_names *p, int32_t nsid)
{
	const struct numbered *n = number_at(p, nsid);

	return n && !n->reused ? &n->place : &unknown;
}

bool nsid_names_holds(const struct nsid_names *p, const struct netns *ns)
{
	const struct numbered *n = number_at(p, ns->nsid);

	return n && !n->retired && n->place.name && n->place.ino == ns->ino;
}

bool nsid_names_reserve(struct nsid_names *p, int32_t nsid)
{
	size_t count = p->count ? p->count : NSID_NAMES_MIN;

	if (nsid < 0 || nsid >= NSID_MAX)
		return false;
	while (count <= (size_t)nsid)
		count *= 2;
	if (count == p->count)
		return true;
	struct numbered *numbers = reallocarray(p->numbers, count, sizeof(*numbers));
	if (!numbers)
		return false;
	memset(numbers + p->count, 0, (count - p->count) * sizeof(*numbers));
	p->numbers = numbers;
	p->count = count;
	return true;
}

void nsid_name_set(struct nsid_name *place, const struct netns *ns)
{
	if (!place->name || strcmp(place->name, ns->name) != 0) {
		free(place->name);
		place->name = strdup(ns->name);
	}
	place->ino = ns->ino;
	if (ns->cookie || !ns->own)
		place->cookie = ns->cookie;
	struct container *container = enrichment_container(ns);
	if (place->container != container) {
		container_unref(place->container);
		place->container = container_ref(container);
	}
}

void nsid_names_learn(struct nsid_names *p, const struct netns *ns)
{
	struct numbered *n = number_at(p, ns->nsid);

	if (n && !n->retired)
		nsid_name_set(&n->place, ns);
}
