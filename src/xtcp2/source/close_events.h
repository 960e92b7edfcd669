/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_CLOSE_EVENTS_H
#define SOURCE_CLOSE_EVENTS_H
/*
 * One netlink socket that hears of every TCP socket that ends, in whichever
 * namespace of the table, and makes a final record of each. Not thread-safe:
 * its owner (poll/close_sender) has the lock.
 */
#include "netns/netns.h"
#include "record/decode.h"
#include "record/record.h"
#include "source/known_sockets.h"

/* The values of the record's field `event`; 0 for what a poll read. */
#define RECORD_EVENT_CLOSED 1

struct close_events;

struct close_events_options {
	size_t buffer; /* bytes of events that wait to be read, beyond which the kernel drops and counts */
	struct decode_options decode;
	struct known_sockets *known; /* what to join with; NULL for nothing. Borrowed */
};

/*
 * Subscribes, on a thread with CAP_NET_BROADCAST and CAP_NET_ADMIN in effect;
 * without them the own namespace only is heard, with a line in the log. From
 * here on events are kept. NULL with errno.
 */
struct close_events *close_events_open(const struct close_events_options *options);
void close_events_free(struct close_events *c);

/* Readable when events wait. */
int close_events_fd(const struct close_events *c);

/* Readable when numbers of namespaces changed: time for close_events_read(), with or without an event. */
int close_events_numbers_fd(const struct close_events *c);

/*
 * Reads one batch without waiting and hands a record of each event to sink, its
 * META but for constants, and every other section, set in `record`. Counts what
 * the kernel dropped. Returns the number of events, 0 when none waited, or -errno.
 */
int close_events_read(struct close_events *c, struct record *record, struct record_sink *sink);

/*
 * Gives each namespace a number, so that its events are heard, and learns what
 * they are called. What waits should be read first: a number that was another
 * namespace's gets its new name only after that. On the thread that owns the table, with CAP_NET_ADMIN
 * permitted: it is in effect inside this call only. Sets ns->nsid.
 */
void close_events_follow(struct close_events *c, struct netns *const *entries, size_t count);

#endif
