/* SPDX-License-Identifier: MIT */
#include "run/facts.h"

#include <errno.h>
#include <string.h>

#include "enrich/lldp.h"
#include "enrich/uplinks.h"
#include "run/refusal.h"
#include "run/state.h"

int daemon_uplinks_start(struct daemon *d)
{
	const struct config *c = d->config;

	if (c->enrich_lldp && !lldp_built())
		return refuse("enrichLldp", ": this build has no liblldpctl");
	if ((!c->enrich_nic && !c->enrich_lldp) || d->trial_only)
		return 0;
	const struct uplinks_options options = {
	    .nic = c->enrich_nic,
	    .lldp = c->enrich_lldp,
	    .lldp_socket = c->lldpd_socket,
	    .interfaces = c->uplink_interfaces,
	    .count = c->uplink_count,
	    .every_ns = c->frequency_ns,
	};
	d->source.uplinks = uplinks_new(&options);
	return d->source.uplinks ? 0 : refuse("enrichNic", ": %s", strerror(errno));
}

void daemon_uplinks_stop(struct daemon *d)
{
	uplinks_free(d->source.uplinks);
}
