/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_UPLINKS_H
#define ENRICH_UPLINKS_H
/*
 * Theory of operation: uplinks
 *
 * The same facts go into every record: which interfaces connect the host (-enrichNic, -enrichLldp), their cards, and
 * the neighbours there. A thread of its own reads them anew at an interval and keeps a copy under a lock, which a worker
 * copies once per poll, and only when it has changed: whatever sysfs, a driver or lldpd take, no poll waits for them.
 *
 *   which          -uplinkInterfaces as given; else the interfaces of the default routes, or rather what they are made of
 *                  (nic.h); without such a route the physical interfaces that are up. -uplinkCount of them
 *   a failure      of lldpd leaves the neighbours as they were for UPLINKS_KEEP_NS, as long as LLDP itself keeps one; they
 *                  are unknown then. It is told once a minute
 *   the start      waits for the first reading, UPLINKS_FIRST_NS at most, so that the first poll has the facts
 */
#include <stdint.h>

#include "base/clock.h"
#include "enrich/uplink.h"

#define UPLINKS_KEEP_NS	  (120 * NS_PER_SEC)
/* Time for the answers of lldpd. */
#define UPLINKS_ANSWER_NS (2 * NS_PER_SEC)
#define UPLINKS_FIRST_NS  (500 * NS_PER_MS)

struct uplinks;

struct uplinks_options {
	bool nic, lldp;
	const char *lldp_socket; /* copied */
	const char *interfaces;	 /* names with commas between them, "" to find them; copied */
	size_t count;		 /* 1 to UPLINKS_MAX */
	int64_t every_ns;	 /* between two readings */
};

/* Start the thread and wait for its first reading for a while. NULL with errno. */
struct uplinks *uplinks_new(const struct uplinks_options *options);
/* End the thread; a question to lldpd that has no answer is left, and what a thread that hangs uses (ticker.h). NULL is fine. */
void uplinks_free(struct uplinks *u);

/* Bring a copy of the facts, at first all zero, up to date. Any thread; waits for nothing. */
void uplinks_copy(struct uplinks *u, struct uplink_facts *copy);

#endif
