/* SPDX-License-Identifier: MIT */
#ifndef POLL_CLOSE_SENDER_H
#define POLL_CLOSE_SENDER_H
/*
 * The thread that turns events of closed sockets into records, through a
 * shipper of its own to the destination of the polls: a storm of closes delays
 * no poll and no poll delays it. Records wait in their envelope for a second at
 * most, or for -frequency when that is less.
 *
 * One lock is held while a batch is read and while namespaces get their
 * numbers, so that the main thread can read what waits before it gives a
 * number that another namespace may have had.
 */
#include "netns/netns.h"
#include "poll/poll.h"
#include "source/close_events.h"

struct close_sender;

/* Starts the thread; config, events and dest are borrowed. NULL with errno, logged. */
struct close_sender *close_sender_new(const struct config *config, struct close_events *events,
				      struct dest *dest);
/* Ships what waits and joins the thread; the sender stays, as a poll does after poll_end(). NULL is fine. */
void close_sender_end(struct close_sender *c);
/* close_sender_end(), if that was not yet, and frees. NULL is fine. */
void close_sender_free(struct close_sender *c);

/* After a scan and after a poll: see close_events_follow(). Main thread. NULL is fine. */
void close_sender_follow(struct close_sender *c, struct netns *const *entries, size_t count);

/* NULL takes the tap away, at once. NULL for the sender is fine. */
void close_sender_set_tap(struct close_sender *c, struct poll_tap *tap);

#endif
