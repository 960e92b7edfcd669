/* SPDX-License-Identifier: MIT */
#include "enrich/uplinks.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/ticker.h"
#include "enrich/default_route.h"
#include "enrich/lldp.h"
#include "enrich/nic.h"
#include "stats/stats.h"

#define UPLINKS_LOG_NS (60 * NS_PER_SEC)

struct uplinks {
	struct uplinks_options options;
	char *lldp_socket, *interfaces;
	struct ticker ticker;

	/* The thread's alone. */
	struct uplink known[UPLINKS_MAX]; /* as last read */
	int64_t lldp_ok_ns;		  /* when lldpd has answered last */
	bool told_none;			  /* that no uplink was found */
	struct log_limit limit;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t read;  /* the first reading is done */
	bool done;
	struct uplink_facts facts;
};

/* The interfaces that the operator names. */
static void take_named(const char *list, struct nic_names *names)
{
	char name[UPLINK_IFNAME_SIZE];

	while (*list) {
		size_t len = strcspn(list, ",");
		if (len > 0 && len < sizeof(name)) {
			memcpy(name, list, len);
			name[len] = '\0';
			nic_names_add(names, name);
		}
		list += len + (list[len] == ',');
	}
}

static void find(const struct uplinks *u, struct nic_names *names)
{
	struct default_routes routes = {.count = 0};
	char name[IF_NAMESIZE];

	if (u->interfaces[0]) {
		take_named(u->interfaces, names);
		return;
	}
	int r = default_routes_read(&routes);
	if (r < 0)
		log_debug("uplinks", "the default routes cannot be read: %s", strerror(-r));
	for (size_t i = 0; i < routes.count; i++) {
		if (if_indextoname((unsigned)routes.at[i].ifindex, name))
			nic_members(&nic_paths, name, names);
	}
	if (names->count == 0)
		nic_physical(&nic_paths, names);
}

static const struct uplink *known_as(const struct uplinks *u, const char *name)
{
	for (size_t i = 0; i < UPLINKS_MAX; i++) {
		if (strcmp(u->known[i].ifname, name) == 0)
			return &u->known[i];
	}
	return NULL;
}

static void read_cards(struct uplinks *u, struct uplink up[UPLINKS_MAX])
{
	struct nic_names names = {.count = 0};
	size_t used = 0;

	find(u, &names);
	for (size_t i = 0; i < names.count && used < u->options.count; i++) {
		unsigned ifindex = if_nametoindex(names.name[i]);
		const struct uplink *before = known_as(u, names.name[i]);

		if (!ifindex)
			continue; /* named and not there */
		strcpy(up[used].ifname, names.name[i]);
		if (u->options.nic)
			nic_read(&nic_paths, ifindex, before, &up[used]);
		if (before)
			up[used].neighbour = before->neighbour;
		used++;
	}
	stat_set(STAT_UPLINKS, used);
	if (used == 0 && !u->told_none)
		log_warn("uplinks", "%s%s: the fields of uplinks are empty while this is so",
			 u->interfaces[0] ? "none of the interfaces exists: "
					  : "no default route and no physical interface that is up",
			 u->interfaces);
	u->told_none = used == 0;
}

static void read_neighbours(struct uplinks *u, struct uplink up[UPLINKS_MAX])
{
	char reason[LLDP_REASON_MAX] = "";
	struct uplink asked[UPLINKS_MAX];
	uint64_t suppressed;

	memcpy(asked, up, sizeof(asked));
	int r = lldp_read(&u->ticker, u->lldp_socket, clock_mono_ns() + UPLINKS_ANSWER_NS, asked, reason);
	int64_t now = clock_mono_ns();
	if (r == -ECANCELED)
		return;
	stat_add(r == 0 ? STAT_LLDP_OK : STAT_LLDP_FAILED, 1);
	if (r == 0) {
		u->lldp_ok_ns = now;
		memcpy(up, asked, sizeof(asked));
		return;
	}
	if (log_limit_pass(&u->limit, UPLINKS_LOG_NS, &suppressed))
		log_warn("lldp", "-lldpdSocket %s: neighbours cannot be read: %s%s", u->lldp_socket, reason,
			 r == -EACCES ? "; let the daemon's user into the group of the socket (-groups)"
				      : "");
	for (size_t i = 0; u->lldp_ok_ns + UPLINKS_KEEP_NS < now && i < UPLINKS_MAX; i++)
		up[i].neighbour = (struct uplink_neighbour){0};
}

/* Read everything anew. */
static void tick(void *data)
{
	struct uplinks *u = data;
	struct uplink up[UPLINKS_MAX];

	memset(up, 0, sizeof(up)); /* padding too: they are compared as bytes */
	read_cards(u, up);
	if (u->options.lldp)
		read_neighbours(u, up);
	bool news = memcmp(up, u->known, sizeof(up)) != 0;
	memcpy(u->known, up, sizeof(up));
	pthread_mutex_lock(&u->lock);
	if (news) {
		memcpy(u->facts.up, up, sizeof(up));
		u->facts.version++;
	}
	u->done = true;
	pthread_cond_signal(&u->read);
	pthread_mutex_unlock(&u->lock);
}

static void wait_for_first(struct uplinks *u)
{
	int64_t until = clock_mono_ns() + UPLINKS_FIRST_NS;
	const struct timespec ts = {.tv_sec = until / NS_PER_SEC, .tv_nsec = until % NS_PER_SEC};

	pthread_mutex_lock(&u->lock);
	while (!u->done && pthread_cond_timedwait(&u->read, &u->lock, &ts) == 0)
		;
	pthread_mutex_unlock(&u->lock);
}

struct uplinks *uplinks_new(const struct uplinks_options *options)
{
	struct uplinks *u = calloc(1, sizeof(*u));
	pthread_condattr_t attr;

	if (!u)
		return NULL;
	u->options = *options;
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&u->read, &attr);
	pthread_condattr_destroy(&attr);
	u->lldp_socket = strdup(options->lldp_socket);
	u->interfaces = strdup(options->interfaces);
	int r = u->lldp_socket && u->interfaces ? 0 : -ENOMEM;
	if (r == 0)
		r = ticker_start(&u->ticker, "uplinks", options->every_ns, tick, u);
	if (r < 0) {
		uplinks_free(u);
		errno = -r;
		return NULL;
	}
	wait_for_first(u);
	return u;
}

void uplinks_free(struct uplinks *u)
{
	if (!u || !ticker_stop(&u->ticker))
		return;
	pthread_cond_destroy(&u->read);
	pthread_mutex_destroy(&u->lock);
	free(u->lldp_socket);
	free(u->interfaces);
	free(u);
}

void uplinks_copy(struct uplinks *u, struct uplink_facts *copy)
{
	pthread_mutex_lock(&u->lock);
	if (copy->version != u->facts.version)
		memcpy(copy, &u->facts, sizeof(*copy));
	pthread_mutex_unlock(&u->lock);
}
