/* SPDX-License-Identifier: MIT */
#ifndef BASE_CONN_GUARD_H
#define BASE_CONN_GUARD_H
/*
 * The connections of a small HTTP server, so that none of them keeps the others
 * out. A connection has a deadline for what it does now (sending its request,
 * taking its answer, resting in between); past it, or when a new one needs the
 * room and it is the one that has done nothing for longest, it is shut down with
 * shutdown(2), and whoever serves it sees its end. A client that connects and
 * asks at once is the youngest of all, however many others sit there; and nobody
 * is sent away before CONN_GRACE_MS, which is time to send a request even on a
 * busy machine: that bounds what comes and goes to `room` in this time.
 *
 * Any thread; nothing blocks. The server still closes the descriptors.
 */
#include <stddef.h>
#include <stdint.h>

#define CONN_GRACE_MS 100

struct conn_guard;
struct conn_slot;

/* room: connections beyond which the oldest goes for each new one; the server must have some more than
 * these. NULL without memory. */
struct conn_guard *conn_guard_new(size_t room);
/* When no connection is left in it. NULL is fine. */
void conn_guard_free(struct conn_guard *g);

/* A connection begins: its first request is due in `seconds`. NULL without memory, which is not fatal. */
struct conn_slot *conn_guard_enter(struct conn_guard *g, int fd, unsigned seconds);
/* It does something else from now on, and has `seconds` for it. slot may be NULL in both. */
void conn_guard_mark(struct conn_guard *g, struct conn_slot *slot, unsigned seconds);
/* It ends; before its descriptor is closed. */
void conn_guard_leave(struct conn_guard *g, struct conn_slot *slot);

/* Shut down what is late. Nanoseconds until the next deadline, -1 for none. */
int64_t conn_guard_sweep(struct conn_guard *g);
/* Connections shut down so far. */
uint64_t conn_guard_closed(struct conn_guard *g);

#endif
