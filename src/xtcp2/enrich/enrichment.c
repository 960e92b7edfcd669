/* SPDX-License-Identifier: MIT */
#include "enrich/enrichment.h"

#include <stdlib.h>

static void enrichment_free(struct enrichment *e)
{
	container_unref(e->container);
	free(e);
}

struct enrichment *enrichment_make(struct netns *ns)
{
	if (!ns->enrichment)
		ns->enrichment = calloc(1, sizeof(*ns->enrichment));
	ns->enrichment_free = enrichment_free;
	return ns->enrichment;
}

struct container *enrichment_container(const struct netns *ns)
{
	return ns->enrichment ? ns->enrichment->container : NULL;
}
