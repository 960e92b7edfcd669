/* SPDX-License-Identifier: MIT */
#ifndef BASE_CONN_GUARD_H
#define BASE_CONN_GUARD_H
/*
 * Limits on the connections of a small HTTP server, so that none of them blocks the
 * others. Each connection has a deadline for its current state (sending a request,
 * reading an answer, idle). Past the deadline, or when a new connection needs room
 * and this one has been inactive longest, it is shut down with shutdown(2), which
 * the server sees as its end. A client that connects and sends its request at once is
 * shut down last, however many idle ones there are. No connection is shut down before
 * CONN_GRACE_MS, enough to send a request even on a busy machine; this limits new
 * connections to `room` per CONN_GRACE_MS.
 *
 * Call from any thread; nothing blocks. The server still closes the descriptors.
 */
#include <stddef.h>
#include <stdint.h>

#define CONN_GRACE_MS 100

struct conn_guard;
struct conn_slot;

/* Create a guard. Beyond `room` connections each new one replaces the one inactive longest; the server must
 * accept a few more than `room`. NULL when memory is exhausted. */
struct conn_guard *conn_guard_new(size_t room);
/* Free a guard without connections, or NULL. */
void conn_guard_free(struct conn_guard *g);

/* Enter a connection; its first request is due in `seconds`. NULL without memory, which is not fatal. */
struct conn_slot *conn_guard_enter(struct conn_guard *g, int fd, unsigned seconds);
/* Begin a new state of the connection, limited to `seconds`. slot may be NULL, also in conn_guard_leave(). */
void conn_guard_mark(struct conn_guard *g, struct conn_slot *slot, unsigned seconds);
/* Remove a connection, before its descriptor is closed. */
void conn_guard_leave(struct conn_guard *g, struct conn_slot *slot);

/* Shut down connections past their deadline. Return nanoseconds until the next deadline, -1 for none. */
int64_t conn_guard_sweep(struct conn_guard *g);
/* Return the number of connections shut down so far. */
uint64_t conn_guard_closed(struct conn_guard *g);

#endif
