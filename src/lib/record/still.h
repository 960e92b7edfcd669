/* SPDX-License-Identifier: MIT */
#ifndef RECORD_STILL_H
#define RECORD_STILL_H
/*
 * Tells whether a socket is as it was in an earlier poll. Two kinds of fields do not count: those that tell of the poll and not of
 * the socket (time, counter, worker ...), and ages, which grow or shrink by themselves while nothing happens: the times since data
 * was sent and received, and the time until a timer expires. Pure, any thread.
 */
#include "base/buf.h"
#include "record/record.h"

/* Return a hash of all other fields. room: memory for it, reused. */
uint64_t record_fingerprint(struct record *r, struct buf *room);

/* Let `ms` milliseconds pass for the ages of a socket that is still as it was: exact to a tick of the kernel's clock. */
void record_pass_time(struct record *r, int64_t ms);

#endif
