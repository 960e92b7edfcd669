/* SPDX-License-Identifier: MIT */
#include "run/facts.h"

#include <errno.h>
#include <string.h>

#include "enrich/asn.h"
#include "enrich/asn_db.h"
#include "enrich/lldp.h"
#include "enrich/uplinks.h"
#include "run/refusal.h"
#include "run/state.h"

/* Facts that come from elsewhere are read anew as often as sockets, within these bounds. */
#define FACTS_EVERY_MIN_NS NS_PER_SEC
#define FACTS_EVERY_MAX_NS (30 * NS_PER_SEC)

static int64_t facts_every(const struct config *c)
{
	return c->frequency_ns < FACTS_EVERY_MIN_NS   ? FACTS_EVERY_MIN_NS
	       : c->frequency_ns > FACTS_EVERY_MAX_NS ? FACTS_EVERY_MAX_NS
						      : c->frequency_ns;
}

int facts_check(const struct config *c)
{
	if (c->enrich_lldp && !lldp_built())
		return refuse("enrichLldp", ": this build has no liblldpctl");
	if (*c->asn_file && !asn_db_built())
		return refuse("asnFile", ": this build has no libmaxminddb");
	return 0;
}

int daemon_uplinks_start(struct daemon *d)
{
	const struct config *c = d->config;

	if ((!c->enrich_nic && !c->enrich_lldp) || d->trial_only)
		return 0;
	const struct uplinks_options options = {
	    .nic = c->enrich_nic,
	    .lldp = c->enrich_lldp,
	    .lldp_socket = c->lldpd_socket,
	    .interfaces = c->uplink_interfaces,
	    .count = c->uplink_count,
	    .every_ns = facts_every(c),
	};
	d->source.uplinks = uplinks_new(&options);
	return d->source.uplinks ? 0 : refuse("enrichNic", ": %s", strerror(errno));
}

void daemon_uplinks_stop(struct daemon *d)
{
	uplinks_free(d->source.uplinks);
}

int facts_asn_open(const struct config *c, struct asn **asn)
{
	*asn = NULL;
	if (!*c->asn_file)
		return 0;
	*asn = asn_new(c->asn_file, facts_every(c));
	return *asn ? 0 : refuse("asnFile", ": %s", strerror(errno));
}

int daemon_asn_start(struct daemon *d)
{
	return facts_asn_open(d->config, &d->source.asn);
}

void daemon_asn_stop(struct daemon *d)
{
	asn_free(d->source.asn);
}
