/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include "netns/container.h"
#include "stats/stats.h"

void source_set_container(struct record *r, const struct container *c)
{
	static const struct container none = {.runtime = ""};

	if (!c)
		c = &none;
	r->container_id = str_of(c->id);
	r->container_runtime = str_of(c->runtime);
	r->container_name = str_of(c->name);
	r->container_image = str_of(c->image);
}

void source_count_decode(const struct decode_counts *counts)
{
	stat_add(STAT_DECODE_SHORT, counts->short_messages);
	stat_add(STAT_DECODE_BAD_FAMILY, counts->bad_family);
	stat_add(STAT_DECODE_BAD_ATTR, counts->bad_attributes);
	stat_add(STAT_DECODE_UNKNOWN_ATTR, counts->unknown_attributes);
	stat_add(STAT_DECODE_INFO_TAIL, counts->info_tails);
}
