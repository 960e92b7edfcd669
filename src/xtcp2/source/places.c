/* SPDX-License-Identifier: MIT */
#include "source/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enrich/enrichment.h"
#include "netns/nsid.h"

/*
 * Numbers above this are not followed: ours are the lowest free ones, so they
 * stay below the number of namespaces. Only somebody else's may be higher.
 */
#define NSID_MAX (1 << 20)

/* Numbers that there is room for at first; doubled as needed. */
#define PLACES_MIN 64

#define PLACES_LOG_NS (60 * NS_PER_SEC)

struct numbered {
	struct place place;
	uint32_t retired; /* the reading that brought its end; 0 while it lives */
	bool reused;	  /* and it has a new owner already */
};

struct places {
	int fd;
	uint32_t reading;
	size_t count, retired; /* retired: how many of them are */
	struct numbered *numbers;
};

static const struct place unknown;

struct places *places_new(void)
{
	struct places *p = calloc(1, sizeof(*p));

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

void place_clear(struct place *place)
{
	free(place->name);
	container_unref(place->container);
	*place = unknown;
}

void places_free(struct places *p)
{
	if (!p)
		return;
	cleanup_closep(&p->fd);
	for (size_t i = 0; i < p->count; i++)
		place_clear(&p->numbers[i].place);
	free(p->numbers);
	free(p);
}

int places_fd(const struct places *p)
{
	return p->fd;
}

static struct numbered *number_at(const struct places *p, int32_t nsid)
{
	return nsid >= 0 && (size_t)nsid < p->count ? &p->numbers[nsid] : NULL;
}

static void retire(struct places *p, struct numbered *n)
{
	p->retired += n->retired == 0;
	n->retired = p->reading;
}

/* Some changes found no room: any number may be another's by now. */
static void retire_all(struct places *p)
{
	static struct log_limit limit;
	uint64_t suppressed;

	for (size_t i = 0; i < p->count; i++) {
		retire(p, &p->numbers[i]);
		p->numbers[i].reused = true;
	}
	if (log_limit_pass(&limit, PLACES_LOG_NS, &suppressed))
		log_warn("close", "more namespaces ended than could be followed: closed connections have no "
				  "namespace's name until the next poll");
}

uint32_t places_read(struct places *p)
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

void places_settle(struct places *p, uint32_t upto)
{
	for (size_t i = 0; i < p->count && p->retired > 0; i++) {
		struct numbered *n = &p->numbers[i];
		if (n->retired == 0 || n->retired > upto)
			continue;
		place_clear(&n->place);
		n->retired = 0;
		n->reused = false;
		p->retired--;
	}
}

const struct place *places_get(const struct places *p, int32_t nsid)
{
	const struct numbered *n = number_at(p, nsid);

	return n && !n->reused ? &n->place : &unknown;
}

bool places_holds(const struct places *p, const struct netns *ns)
{
	const struct numbered *n = number_at(p, ns->nsid);

	return n && !n->retired && n->place.name && n->place.ino == ns->ino;
}

bool places_reserve(struct places *p, int32_t nsid)
{
	size_t count = p->count ? p->count : PLACES_MIN;

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

void place_set(struct place *place, const struct netns *ns)
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

void places_learn(struct places *p, const struct netns *ns)
{
	struct numbered *n = number_at(p, ns->nsid);

	if (n && !n->retired)
		place_set(&n->place, ns);
}
