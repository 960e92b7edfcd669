/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_NETLINK_H
#define SOURCE_NETLINK_H
/*
 * Internal to the netlink source: what its two ways of receiving share with the
 * requests and the walk of messages (netlink.c). A reader only receives;
 * everything that can be known from the bytes is decided in one place.
 */
#include <sys/socket.h>
#include <sys/types.h>

#include "source/cookie_set.h"
#include "source/source.h"
#include "stats/stats.h"

struct attempt;

struct netlink_reader {
	/* Makes source->reader_data. 0 or -errno. */
	int (*open)(struct source *s);
	void (*close)(struct source *s);
	/*
	 * One batch: its length and where it lies until the next call; 0 for one that
	 * is not from the kernel; or -errno. Waits as netlink_wait() does; counts
	 * receives, and errors through netlink_recv_failed().
	 */
	ssize_t (*recv)(struct attempt *a, const uint8_t **data);
	/* The dump is over, however it went: nothing of its socket stays in flight.
	 * NULL for nothing to do. */
	void (*end)(struct source *s);
};

extern const struct netlink_reader netlink_plain, netlink_uring;

struct source {
	struct source_config config;
	unsigned worker;
	size_t size; /* of one receive buffer */
	const struct netlink_reader *reader;
	void *reader_data;
	bool ask_by_family; /* the kernel has refused to give both at once */
	struct cookie_set seen;
	struct decode_counts decode; /* of the dump that runs */
	uint64_t count[STAT_MAX_];   /* what the dump that runs adds to the stats */
};

/* One request and what came of it. */
struct attempt {
	struct source *source;
	struct netns *ns;
	struct record *record;
	struct record_sink *sink;
	int64_t deadline_ns;
	int capture; /* handle, -1 for none */
	uint64_t messages;
	bool refused;	/* an ERROR came */
	bool ended;	/* DONE or ERROR came: the socket is clean */
	bool damaged;	/* something was lost on the way */
	bool timed_out; /* at deadline_ns */
};

/* Waits until a batch is there, -nltimeout is over or the deadline has come. 0 or -ETIMEDOUT, -errno. */
int netlink_wait(struct attempt *a);
/* Counts why a receive failed and returns it. */
int netlink_recv_failed(struct attempt *a, int error);
/* Counts a receive of n bytes and judges where it is from and whether it was cut; the n to go on with. */
ssize_t netlink_received(struct attempt *a, ssize_t n, const struct sockaddr_nl *from, socklen_t from_len,
			 int flags);

#endif
