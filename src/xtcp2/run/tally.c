/* SPDX-License-Identifier: MIT */
#include "run/tally.h"

#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "run/refusal.h"
#include "run/state.h"
#include "tally/tally.h"

static bool asks_owners(const struct config *c)
{
	return strcmp(c->owners, "on") == 0;
}

static bool asks_containers(const struct config *c)
{
	return c->resolve_container_id || c->enrich_container;
}

/* A label that nothing fills would be empty in all series. */
static int check_labels(const struct config *c, const struct tally *t)
{
	for (size_t i = 0; i < tally_label_count(t); i++) {
		enum tally_need need = tally_label_need(t, i);
		if (need == TALLY_NEEDS_CONTAINERS && !asks_containers(c))
			return refuse("promLabels", " %s: needs -resolveContainerId or -enrichContainer",
				      tally_label(t, i));
		if (need == TALLY_NEEDS_OWNERS && !asks_owners(c))
			return refuse("promLabels", " %s: needs -owners on", tally_label(t, i));
		if (need == TALLY_NEEDS_PLACES && !asks_containers(c) && !asks_owners(c))
			return refuse("promLabels", " %s: needs -resolveContainerId or -owners on",
				      tally_label(t, i));
	}
	return 0;
}

int daemon_tally_start(struct daemon *d)
{
	const struct config *c = d->config;
	const struct tally_options options = {
	    .labels = c->prom_labels, .top = c->prom_top, .sockets = c->prom_sockets};
	char error[256];

	if (!c->prom_listen[0] || strcmp(c->prom_labels, "off") == 0)
		return 0;
	d->tally = tally_new(&options, error, sizeof(error));
	if (!d->tally)
		return *error ? refuse("promLabels", " %s: %s", c->prom_labels, error) : -errno;
	int r = check_labels(c, d->tally);
	if (r == 0)
		r = poll_set_tally(d->poll, d->tally);
	return r < 0 ? r : close_sender_set_tally(d->close_sender, d->tally);
}

void daemon_tally_stop(struct daemon *d)
{
	tally_free(d->tally);
}
