/* SPDX-License-Identifier: MIT */
#ifndef POLL_CLOSER_H
#define POLL_CLOSER_H
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

struct closer;

/* Starts the thread; config, events and dest are borrowed. NULL with errno, logged. */
struct closer *closer_new(const struct config *config, struct close_events *events, struct dest *dest);
/* Ships what waits and joins the thread; the closer stays, as a poll does after poll_end(). NULL is fine. */
void closer_end(struct closer *c);
/* closer_end(), if that was not yet, and frees. NULL is fine. */
void closer_free(struct closer *c);

/* After a scan and after a poll: see close_events_follow(). Main thread. NULL is fine. */
void closer_follow(struct closer *c, struct netns *const *entries, size_t count);

/* NULL takes the tap away, at once. NULL for the closer is fine. */
void closer_set_tap(struct closer *c, struct poll_tap *tap);

#endif
