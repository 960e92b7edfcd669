/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_DEFAULT_ROUTE_H
#define ENRICH_DEFAULT_ROUTE_H
/* The interfaces of the default routes of this thread's network namespace, by rtnetlink. */
#include <stddef.h>
#include <stdint.h>

/* Most interfaces; a host with more has an unusual reason. */
#define DEFAULT_ROUTE_MAX 16

struct default_routes {
	struct {
		int ifindex;
		uint32_t metric;
	} at[DEFAULT_ROUTE_MAX]; /* the best metric first; of equal ones in the kernel's order */
	size_t count;
};

/*
 * Take the default routes of the main table from received netlink messages: all next hops of a route with several. Others,
 * and those whose link is down, are skipped.
 */
void default_routes_take(struct default_routes *routes, const void *data, size_t len);

/* Read those of IPv4, then append those of IPv6 on other interfaces. Waits for the kernel, a second at most. 0 or -errno. */
int default_routes_read(struct default_routes *routes);

#endif
