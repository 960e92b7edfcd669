/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: closed sockets
 *
 * A poll sees only the sockets that exist at that moment and usually misses a
 * connection of 50 ms. But the kernel multicasts the last tcp_info of each TCP socket
 * when it frees it (SKNLGRP_INET_TCP_DESTROY), and with NETLINK_LISTEN_ALL_NSID one
 * netlink socket receives the events of all namespaces that have an nsid in its own.
 * The cost is 2 to 4 us per close, most of it in a kernel worker.
 *
 * The message holds only addresses, cookie and tcp_info; known_sockets adds the other
 * values that the last poll found for this cookie. The kernel sends the event with the
 * end of the last reference: when the last byte was acknowledged or the connection
 * timed out, when the socket becomes a TIME_WAIT mini-socket, when an orphan ends.
 * Sockets that were never connected, and listeners, have an event too.
 *
 * Loss: the kernel drops events for which the receive buffer has no room and counts
 * each of them (SK_MEMINFO_DROPS), so that received + dropped = sent. NETLINK_NO_ENOBUFS
 * is set because the error would say the same, and until it is read the kernel would
 * drop events even if there is room. Events for which the kernel itself had no memory
 * are in no count.
 */
#include "source/close_events.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"
#include "enrich/attribute.h"
#include "netns/nsid.h"
#include "record/kernel_abi.h"
#include "record/nl.h"
#include "source/lifetime.h"
#include "source/nsid_names.h"
#include "source/source.h"
#include "stats/stats.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

/* Events of one call of recvmmsg(2). */
#define CLOSE_BATCH 64

/* One event is 400 bytes on Linux 6.18; tcp_info may grow to twice that. */
#define CLOSE_MESSAGE_MAX 1024

#define CLOSE_LOG_NS (60 * NS_PER_SEC)

struct close_events {
	int fd, route_fd; /* route_fd is -1 if events of other namespaces cannot be received */
	struct decode_options decode;
	struct known_sockets *known;
	const struct attributor *attributor;
	struct attribution room; /* texts that the record borrows */
	struct nsid_name own;
	struct nsid_names *names;
	uint32_t drops; /* SK_MEMINFO_DROPS when it was last read; wraps */
	struct decode_counts counts;
	struct mmsghdr messages[CLOSE_BATCH];
	struct iovec iov[CLOSE_BATCH];
	struct sockaddr_nl from[CLOSE_BATCH];
	struct {
		_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int))];
	} control[CLOSE_BATCH];
	struct {
		_Alignas(struct nlmsghdr) uint8_t bytes[CLOSE_MESSAGE_MAX];
	} buffer[CLOSE_BATCH];
};

static int subscribe(int fd, size_t buffer)
{
	static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int size = (int)(buffer / 2), one = 1; /* the kernel doubles it */

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one)) < 0)
		return -errno;
	/* bind(2) first: the kernel takes a socket without a port id for the sender and delivers nothing. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	}
	return 0;
}

/* Do everything that needs privileges, but for the nsids. */
static int open_sockets(struct close_events *c, size_t buffer)
{
	int one = 1;

	c->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (c->fd < 0)
		return -errno;
	c->own.cookie = netns_socket_cookie(c->fd);
	if (!privilege_have(CAP_NET_ADMIN) ||
	    setsockopt(c->fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &one, sizeof(one)) < 0)
		log_warn("close", "without CAP_NET_BROADCAST and CAP_NET_ADMIN only connections of the own "
				  "network namespace are followed to their end");
	else
		c->route_fd = nsid_socket();
	c->names = nsid_names_new();
	return c->names ? subscribe(c->fd, buffer) : -errno;
}

struct close_events *close_events_open(const struct close_events_options *options)
{
	struct close_events *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = c->route_fd = -1;
	c->decode = options->decode;
	c->known = options->known;
	c->attributor = options->attributor;
	for (size_t i = 0; i < CLOSE_BATCH; i++)
		c->iov[i] = (struct iovec){c->buffer[i].bytes, sizeof(c->buffer[i].bytes)};
	int r = open_sockets(c, options->buffer);
	if (r < 0) {
		close_events_free(c);
		errno = -r;
		return NULL;
	}
	return c;
}

void close_events_free(struct close_events *c)
{
	if (!c)
		return;
	cleanup_closep(&c->fd);
	cleanup_closep(&c->route_fd);
	nsid_names_free(c->names);
	nsid_name_clear(&c->own);
	free(c);
}

int close_events_fd(const struct close_events *c)
{
	return c->fd;
}

int close_events_numbers_fd(const struct close_events *c)
{
	return nsid_names_fd(c->names);
}

/* Return the nsid of message i, -1 for one from the own namespace. */
static int32_t nsid_of(struct msghdr *m)
{
	int32_t nsid = -1;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == SOL_NETLINK && h->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(&nsid, CMSG_DATA(h), sizeof(nsid));
	}
	return nsid;
}

/* Set the namespace of the record. An nsid without a name belongs to a namespace newer than the last scan. */
static const struct nsid_name *set_netns(struct close_events *c, int32_t nsid, struct record *r)
{
	const struct nsid_name *p = nsid >= 0 ? nsid_names_get(c->names, nsid) : &c->own;

	if (nsid >= 0 && !p->name)
		stat_add(STAT_CLOSE_UNKNOWN_NETNS, 1);
	r->netns = str_of(p->name);
	r->netns_inode = p->ino;
	r->netns_cookie = p->cookie;
	container_to_record(p->container, r);
	r->nsid = nsid >= 0 ? (uint32_t)nsid : 0;
	return p;
}

/* Handle one datagram, which holds one event. Return 1 for an event, 0 for none, or the error of emit(). */
static int take_message(struct close_events *c, size_t i, struct record *record, struct record_sink *sink)
{
	struct msghdr *m = &c->messages[i].msg_hdr;
	struct nl_walk walk = {c->buffer[i].bytes, c->messages[i].msg_len};

	if (m->msg_namelen != sizeof(c->from[i]) || c->from[i].nl_pid != 0) {
		stat_add(STAT_NL_STRAY, 1);
		return 0;
	}
	const struct nlmsghdr *h = nl_next(&walk);
	if (!h) {
		c->counts.short_messages++;
		return 0;
	}
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
		stat_add(STAT_NL_STRAY, 1);
		return 0;
	}
	if (decode_inet_diag(h, h->nlmsg_len, &c->decode, record, &c->counts) < 0)
		return 0;
	record->sections |= RECORD_HAS(META);
	record->event = RECORD_EVENT_CLOSED;
	const struct nsid_name *at = set_netns(c, nsid_of(m), record);
	int64_t first_ns = 0;
	if (c->known)
		stat_add(STAT_CLOSE_JOINED, known_sockets_take(c->known, record, &first_ns));
	if (c->attributor)
		attribute_closed(c->attributor, at->container, &c->room, record);
	lifetime_to_record(record, first_ns);
	int r = sink->emit(sink, record);
	return r < 0 ? r : 1;
}

/* Count the events that the kernel has dropped since the last call. */
static void count_drops(struct close_events *c)
{
	static struct log_limit limit;
	uint32_t info[ABI_SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);
	uint64_t suppressed;

	if (getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 || len < sizeof(info))
		return;
	uint32_t more = info[SK_MEMINFO_DROPS] - c->drops;
	c->drops = info[SK_MEMINFO_DROPS];
	stat_add(STAT_CLOSE_DROPPED, more);
	if (more > 0 && log_limit_pass(&limit, CLOSE_LOG_NS, &suppressed))
		log_warn("close", "%u closed connections found no room in the buffer (-closeEventsBuffer)",
			 more);
}

int close_events_read(struct close_events *c, struct record *record, struct record_sink *sink)
{
	uint64_t events = 0, bytes = 0;
	int r = 0;

	for (size_t i = 0; i < CLOSE_BATCH; i++) {
		c->messages[i].msg_hdr = (struct msghdr){
		    .msg_name = &c->from[i],
		    .msg_namelen = sizeof(c->from[i]),
		    .msg_iov = &c->iov[i],
		    .msg_iovlen = 1,
		    .msg_control = c->control[i].bytes,
		    .msg_controllen = sizeof(c->control[i].bytes),
		};
	}
	uint32_t reading = nsid_names_read(c->names);
	int n = recvmmsg(c->fd, c->messages, CLOSE_BATCH, MSG_DONTWAIT, NULL);
	bool all = n < 0 ? errno == EAGAIN : n < CLOSE_BATCH;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		r = -errno;
		stat_add(STAT_NL_ERR_RECV, 1);
	}
	nsid_names_read(c->names);
	record->timestamp_ns = clock_real_ns();
	record->socket_fd = c->fd;
	c->counts = (struct decode_counts){0};
	for (int i = 0; i < n && r >= 0; i++) {
		bytes += c->messages[i].msg_len;
		r = take_message(c, i, record, sink);
		events += r == 1;
	}
	if (all)
		nsid_names_settle(c->names, reading);
	stat_add(STAT_CLOSE_EVENTS, events);
	stat_add(STAT_CLOSE_BYTES, bytes);
	source_count_decode(&c->counts);
	count_drops(c);
	return r < 0 ? r : n > 0 ? n : 0;
}

/* Return whether one of the entries has no nsid yet. */
static bool behind(const struct close_events *c, struct netns *const *entries, size_t count)
{
	for (size_t i = 0; i < count && c->route_fd >= 0; i++) {
		if (!entries[i]->own && entries[i]->nsid < 0)
			return true;
	}
	return false;
}

static int assign(struct close_events *c, struct netns *ns)
{
	_cleanup_close_ int fd = netns_path_fd(ns);

	return fd < 0 ? fd : nsid_assign(c->route_fd, fd, &ns->nsid);
}

/* Assign an nsid to the entries that have none; failed ones are tried again after the next scan. */
static void assign_all(struct close_events *c, struct netns *const *entries, size_t count)
{
	static struct log_limit limit;
	uint64_t suppressed;

	int r = privilege_raise(CAP_NET_ADMIN);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct netns *ns = entries[i];
		if (ns->own || ns->nsid >= 0 || ns->state == NETNS_GONE)
			continue;
		int error = assign(c, ns);
		if (error == 0 && !nsid_names_reserve(c->names, ns->nsid))
			error = -ENOMEM;
		if (error < 0 && error != -ENOENT && error != -ESTALE &&
		    log_limit_pass(&limit, CLOSE_LOG_NS, &suppressed))
			log_warn("close", "connections of namespace %s are not followed to their end: %s",
				 ns->name, strerror(-error));
	}
	if (r == 0)
		r = privilege_lower(CAP_NET_ADMIN);
	if (r < 0 && log_limit_pass(&limit, CLOSE_LOG_NS, &suppressed))
		log_err("close", "cannot change the effective capabilities: %s", strerror(-r));
}

void close_events_follow(struct close_events *c, struct netns *const *entries, size_t count)
{
	nsid_names_read(c->names);
	for (size_t i = 0; i < count; i++) {
		if (!nsid_names_holds(c->names, entries[i]))
			entries[i]->nsid = -1;
	}
	if (behind(c, entries, count))
		assign_all(c, entries, count);
	/* The end of the previous owner of a new nsid may not have been read yet. */
	nsid_names_read(c->names);
	for (size_t i = 0; i < count; i++) {
		if (entries[i]->own)
			nsid_name_set(&c->own, entries[i]);
		else
			nsid_names_learn(c->names, entries[i]);
	}
}
