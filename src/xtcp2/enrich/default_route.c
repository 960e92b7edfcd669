/* SPDX-License-Identifier: MIT */
#include "enrich/default_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "record/nl.h"

/*
 * The kernel lists the shortest prefixes first. A router may have a million of routes: no more than this is read, and the
 * kernel makes no more.
 */
#define ROUTES_BYTES_MAX (256 * 1024)
#define ROUTES_BATCH	 (32 * 1024)

/* Since Linux 4.20 the kernel lists only the table that is asked for. */
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

static void add(struct default_routes *r, int ifindex, uint32_t metric)
{
	size_t at = r->count;

	for (size_t i = 0; i < r->count; i++) {
		if (r->at[i].ifindex == ifindex)
			return;
	}
	if (r->count == DEFAULT_ROUTE_MAX)
		return;
	for (; at > 0 && r->at[at - 1].metric > metric; at--)
		r->at[at] = r->at[at - 1];
	r->at[at].ifindex = ifindex;
	r->at[at].metric = metric;
	r->count++;
}

static bool is_down(unsigned flags)
{
	return flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN);
}

static uint32_t u32_of(const struct attr *a)
{
	uint32_t v = 0;

	if (a->len >= sizeof(v))
		memcpy(&v, a->payload, sizeof(v));
	return v;
}

/* Add each hop of RTA_MULTIPATH. */
static void add_hops(struct default_routes *r, struct attr hops, uint32_t metric)
{
	struct rtnexthop hop;

	while (hops.len >= sizeof(hop)) {
		memcpy(&hop, hops.payload, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > hops.len)
			return;
		if (!is_down(hop.rtnh_flags))
			add(r, hop.rtnh_ifindex, metric);
		size_t step = RTNH_ALIGN(hop.rtnh_len);
		if (step > hops.len)
			return;
		hops.payload += step;
		hops.len -= step;
	}
}

static void take_route(struct default_routes *r, const struct nlmsghdr *h)
{
	struct rtmsg m;
	struct attr a, hops = {.len = 0};
	uint32_t table, metric = 0;
	int ifindex = 0;

	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
		return;
	memcpy(&m, NLMSG_DATA(h), sizeof(m));
	if (m.rtm_dst_len != 0 || m.rtm_type != RTN_UNICAST)
		return;
	table = m.rtm_table;
	struct nl_walk walk = {(const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(m)),
			       h->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(m)))};
	attr_for_each (a, walk) {
		if (a.type == RTA_TABLE)
			table = u32_of(&a);
		else if (a.type == RTA_PRIORITY)
			metric = u32_of(&a);
		else if (a.type == RTA_OIF)
			ifindex = (int)u32_of(&a);
		else if (a.type == RTA_MULTIPATH)
			hops = a;
	}
	if (table != RT_TABLE_MAIN)
		return;
	if (ifindex && !hops.len && !is_down(m.rtm_flags))
		add(r, ifindex, metric);
	add_hops(r, hops, metric);
}

void default_routes_take(struct default_routes *routes, const void *data, size_t len)
{
	struct nl_walk walk = {data, len};
	const struct nlmsghdr *h;

	nl_for_each_msg (h, walk)
		take_route(routes, h);
}

/* Whether the batch ends the list, or is none. */
static bool is_end(const void *data, size_t len)
{
	struct nl_walk walk = {data, len};
	const struct nlmsghdr *h;

	nl_for_each_msg (h, walk) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return true;
	}
	return len == 0;
}

static int ask(int fd, unsigned char family)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
		struct nlattr table;
		uint32_t number;
	} request = {
	    .h = {.nlmsg_len = sizeof(request),
		  .nlmsg_type = RTM_GETROUTE,
		  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		  .nlmsg_seq = 1},
	    .m = {.rtm_family = family},
	    .table = {.nla_len = sizeof(struct nlattr) + sizeof(uint32_t), .nla_type = RTA_TABLE},
	    .number = RT_TABLE_MAIN,
	};
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n =
	    sendto(fd, &request, sizeof(request), 0, (const struct sockaddr *)&kernel, sizeof(kernel));

	return n == sizeof(request) ? 0 : n < 0 ? -errno : -EIO;
}

static int read_family(struct default_routes *routes, unsigned char family)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct timeval second = {.tv_sec = 1};
	const int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	_cleanup_free_ uint8_t *batch = malloc(ROUTES_BATCH);
	int r = batch ? ask(fd, family) : -ENOMEM;
	for (size_t total = 0; r == 0 && total < ROUTES_BYTES_MAX;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, batch, ROUTES_BATCH, 0, (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return -errno;
		if (from_len != sizeof(from) || from.nl_pid != 0)
			continue;
		default_routes_take(routes, batch, (size_t)n);
		if (is_end(batch, (size_t)n))
			break;
		total += (size_t)n;
	}
	return r;
}

int default_routes_read(struct default_routes *routes)
{
	struct default_routes six = {.count = 0};

	routes->count = 0;
	int r = read_family(routes, AF_INET);
	int r6 = read_family(&six, AF_INET6);
	uint32_t last = routes->count ? routes->at[routes->count - 1].metric : 0;
	for (size_t i = 0; i < six.count; i++)
		add(routes, six.at[i].ifindex, last);
	/* A host without IPv6 refuses the question. */
	return routes->count ? 0 : r < 0 ? r : r6;
}
