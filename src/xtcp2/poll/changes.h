/* SPDX-License-Identifier: MIT */
#ifndef POLL_CHANGES_H
#define POLL_CHANGES_H
/*
 * -changed: knows which sockets are as they were when they were last sent.
 *
 * Theory of operation
 *
 * A full poll sends every socket; the polls after it send those that are new or not as they were (record/still.h), a mark for each
 * that is gone (event = 2), and every poll ends with a mark that says how many sockets there are now (event = 3). A reader that
 * has all records since the full poll knows every socket after each poll, and by that number, that it does. Invariant: what is
 * remembered here is what such a reader knows.
 *
 *   - A full poll begins with an empty memory, so a namespace that it could not read is sent whole when it can be read again.
 *   - Sockets of a namespace that a later poll could not read to its end are taken to be as they were.
 *   - A socket without a cookie is sent in every poll and not counted.
 *   - When memory for -changedSockets is used up, or a record was lost on its way, the next poll is a full one.
 *
 * The memory is divided by cookie, each part with a lock of its own: any worker may meet any socket.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/record.h"

struct changes;

/* Remember at most `sockets`, 32 bytes each with as much room to spare, and let every full_every_ns pass between full polls. NULL
 * without memory. */
struct changes *changes_new(uint64_t sockets, int64_t full_every_ns);
void changes_free(struct changes *c);

/* Begin a poll at now_ns (CLOCK_MONOTONIC); lost: records lost so far. No worker runs. Return the polls since the last full one. */
uint64_t changes_begin(struct changes *c, int64_t now_ns, uint64_t lost);

/* Return whether the socket is to be sent. Any worker. room: memory, reused. */
bool changes_take(struct changes *c, struct record *r, struct buf *room);
/* The record that changes_take() let pass cannot be sent after all. Any worker. */
void changes_forget(struct changes *c, uint64_t cookie);

/*
 * End a poll: call gone() for each socket that was not met, unless unread() says of the inode of its namespace that the poll did
 * not read it. Return the number of sockets that there are. No worker runs.
 */
uint64_t changes_end(struct changes *c, bool (*unread)(void *data, uint64_t netns_inode),
		     void (*gone)(void *data, uint64_t cookie), void *data);

#endif
