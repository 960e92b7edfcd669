/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_NETLINK_H
#define SOURCE_NETLINK_H
/*
 * Internal to the netlink source: the interface between netlink.c, which sends
 * requests and walks messages, its two readers, and netlink_lookup.c, which asks for known sockets. A reader only receives batches;
 * netlink.c alone interprets their bytes.
 */
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "enrich/attribute.h"
#include "source/bytecode.h"
#include "source/cookie_set.h"
#include "source/source.h"
#include "stats/stats.h"

struct attempt;

struct netlink_reader {
	/* Create source->reader_data. 0 or -errno. */
	int (*open)(struct source *s);
	void (*close)(struct source *s);
	/*
	 * Receive one batch. Return its length, with *data valid until the next call; 0 for
	 * one that is not from the kernel; or -errno. Wait as netlink_wait() does. Count
	 * receives, and errors through netlink_recv_failed().
	 */
	ssize_t (*recv)(struct attempt *a, const uint8_t **data);
	/* End a dump, successful or not: no receive stays in flight. NULL if there is nothing to do. */
	void (*end)(struct source *s);
};

extern const struct netlink_reader netlink_plain, netlink_uring;

struct source {
	struct source_config config;
	unsigned worker;
	size_t size; /* of one receive buffer */
	const struct netlink_reader *reader;
	void *reader_data;
	bool ask_by_family; /* the kernel has refused a request for both families */
	struct bytecode filter;
	struct cookie_set seen;
	struct attribution room;     /* texts that the record borrows */
	struct decode_counts decode; /* of the running dump */
	uint64_t count[STAT_MAX_];   /* increments of the stats by the running dump */
};

/* One request and its result. */
struct attempt {
	struct source *source;
	struct netns *ns;
	struct record *record;
	struct record_sink *sink;
	int64_t deadline_ns;
	int capture; /* handle, -1 for none */
	uint64_t messages;
	bool refused;	/* the kernel answered ERROR */
	bool ended;	/* the kernel answered DONE or ERROR: nothing of the dump is left in the socket */
	bool damaged;	/* records are missing */
	bool timed_out; /* cut at deadline_ns */
};

/* A dump to ask for. */
struct request {
	uint16_t type;
	uint8_t family;
	const char *shown;
	bool listeners; /* those alone: a walk of the small table of listeners */
};

/* Return the sequence number of a new request. */
uint32_t netlink_next_seq(struct attempt *a);
/* Send a request. 0 or -errno, counted. */
int netlink_send(struct attempt *a, const void *request, size_t len);
/* Ask for a dump, with the filter. 0 or -errno. */
int netlink_send_dump(struct attempt *a, const struct request *q);

/*
 * Make the records of the namespace's listeners by a dump of these alone, which does not walk the connections. 0, -errno, or what
 * emit() returned with *stop set. The kernel has to take requests for both families at once.
 */
int netlink_dump_listeners(struct attempt *a, bool *stop);

/* Make the record of one message and hand it to the sink, unless this reading has had it. 0, or what emit() returned. */
int netlink_take_socket(struct attempt *a, const struct nlmsghdr *h);

/* Wait for a batch, up to -nltimeout and the deadline. 0, -ETIMEDOUT or -errno. */
int netlink_wait(struct attempt *a);
/* Count the error of a receive and return it. */
int netlink_recv_failed(struct attempt *a, int error);
/* Count a receive of n bytes; check sender and truncation. Return the bytes to use, 0 for none. */
ssize_t netlink_received(struct attempt *a, ssize_t n, const struct sockaddr_nl *from, socklen_t from_len,
			 int flags);

#endif
