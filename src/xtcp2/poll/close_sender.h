/* SPDX-License-Identifier: MIT */
#ifndef POLL_CLOSE_SENDER_H
#define POLL_CLOSE_SENDER_H
/*
 * The thread that turns events of closed sockets into records. It has its own
 * shipper to the destination of the polls, so that many closes delay no poll, and a
 * poll delays no event. A record waits in its envelope for at most a second, or for
 * -frequency if that is less.
 *
 * One lock is held while a batch is read and while namespaces get their nsids, so
 * that the main thread can read the waiting events before it assigns an nsid that
 * another namespace may have had.
 */
#include "netns/netns.h"
#include "poll/poll.h"
#include "source/close_events.h"

struct close_sender;

/* Start the thread; config, events, dest, and uplinks and asn of source are borrowed. NULL with errno, logged. */
struct close_sender *close_sender_new(const struct config *config, const struct source_config *source,
				      struct close_events *events, struct dest *dest);
/* Submit the waiting records and join the thread. The sender stays valid until it is freed. NULL is fine. */
void close_sender_end(struct close_sender *c);
/* Free the sender, after close_sender_end() if it was not called yet. NULL is fine. */
void close_sender_free(struct close_sender *c);

/* Pass the namespaces to close_events_follow(), after a scan and after a poll. Main thread. NULL is fine. */
void close_sender_follow(struct close_sender *c, struct netns *const *entries, size_t count);

/* Add the final records to the tally, which is borrowed, from now on. 0 or -ENOMEM. NULL for the sender is fine. */
int close_sender_set_tally(struct close_sender *c, struct tally *tally);

/* Set the tap at once; NULL removes it. NULL for the sender is fine. */
void close_sender_set_tap(struct close_sender *c, struct poll_tap *tap);

#endif
