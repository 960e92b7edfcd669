/* SPDX-License-Identifier: MIT */
/* In place of lldp.c, in a build without liblldpctl. */
#include <errno.h>
#include <stdio.h>

#include "enrich/lldp.h"

bool lldp_built(void)
{
	return false;
}

int lldp_read(const struct ticker *ticker, const char *socket, int64_t until_ns,
	      struct uplink up[UPLINKS_MAX], char reason[static LLDP_REASON_MAX])
{
	snprintf(reason, LLDP_REASON_MAX, "this build has no liblldpctl");
	return -ENOTSUP;
}
