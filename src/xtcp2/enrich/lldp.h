/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_LLDP_H
#define ENRICH_LLDP_H
/*
 * Neighbours by LLDP, as a running lldpd has heard of them: asked by liblldpctl over lldpd's UNIX socket. The library gets
 * its bytes from here, so that a lldpd that hangs is left at a deadline, and at once when the daemon ends.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/ticker.h"
#include "enrich/uplink.h"

/* Bytes of all answers of one reading. */
#define LLDP_BYTES_MAX (4u << 20)

#define LLDP_REASON_MAX 160

/* Return false when the build has no liblldpctl. */
bool lldp_built(void);

/*
 * Fill in the neighbours of the uplinks that have a name; one without a neighbour gets an empty one. All answers have until_ns
 * (CLOCK_MONOTONIC). Return 0, or -errno with the reason, of which -ECANCELED says that the ticker has to end; the
 * neighbours are undefined then. On the ticker's thread, one at a time.
 */
int lldp_read(const struct ticker *ticker, const char *socket, int64_t until_ns,
	      struct uplink up[UPLINKS_MAX], char reason[static LLDP_REASON_MAX]);

#endif
