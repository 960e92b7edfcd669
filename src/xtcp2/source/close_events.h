/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_CLOSE_EVENTS_H
#define SOURCE_CLOSE_EVENTS_H
/*
 * A netlink socket that receives an event for each TCP socket closed in any
 * namespace of the table, and makes a final record of it. Not thread-safe: the
 * owner (poll/close_sender) holds a lock.
 */
#include "netns/netns.h"
#include "record/decode.h"
#include "record/record.h"
#include "source/known_sockets.h"

/* A value of the record's field `event`; records of polls have 0. */
#define RECORD_EVENT_CLOSED 1

struct close_events;

struct close_events_options {
	size_t buffer; /* bytes of unread events; beyond them the kernel drops and counts */
	struct decode_options decode;
	struct known_sockets *known; /* completes final records; borrowed, may be NULL */
	/* The same; what it points to may be set until the first event is read. */
	const struct attributor *attributor;
};

/*
 * Subscribe, on a thread with CAP_NET_BROADCAST and CAP_NET_ADMIN in effect. Without
 * them only events of the daemon's own namespace arrive, and a log line says so. From
 * here on the kernel queues events. NULL with errno.
 */
struct close_events *close_events_open(const struct close_events_options *options);
void close_events_free(struct close_events *c);

/* Return a descriptor that is readable while events wait. */
int close_events_fd(const struct close_events *c);

/* Return a descriptor that is readable when nsids changed: call close_events_read() then, too. */
int close_events_numbers_fd(const struct close_events *c);

/*
 * Read one batch without waiting. Fill `record` from each event (all sections; META
 * but for the constants) and hand it to sink. Count the events that the kernel
 * dropped. Return the number of events, 0 when none waited, or -errno.
 */
int close_events_read(struct close_events *c, struct record *record, struct record_sink *sink);

/*
 * Give each namespace an nsid, without which its events do not arrive, and note its
 * name. Sets ns->nsid. Read the waiting events first: an nsid that belonged to
 * another namespace gets the new name only after them. Call on the thread that owns
 * the table, with CAP_NET_ADMIN permitted; it is in effect inside this call only.
 */
void close_events_follow(struct close_events *c, struct netns *const *entries, size_t count);

#endif
