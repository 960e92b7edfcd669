/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_WATCH_H
#define CLICKHOUSE_WATCH_H
/*
 * An eye on every connection, from one thread: the threads of the connections may be inside the engine and see
 * nothing. It ends what strangers keep open, and the statement of a client that has left:
 *
 *   OPEN      no request yet: WATCH_OPEN_SECONDS for the headers
 *   REFUSED   a request that will not be served: the same for the rest of its body
 *   SERVED    the body of a request that may ask: not watched (an idle time-out is the server's)
 *   RUNNING   a statement runs and its body is over: ended when the client closes the connection, or at `until`
 *   IDLE      between two requests: WATCH_IDLE_SECONDS, or until its place is needed
 *
 * Of more than `places` that are OPEN, REFUSED or IDLE the one that has been so for longest goes (base/conn_guard.h).
 */
#include <stdint.h>

#include "base/buf.h"

#define WATCH_OPEN_SECONDS 5
#define WATCH_IDLE_SECONDS 60

enum watch_state { WATCH_OPEN, WATCH_REFUSED, WATCH_SERVED, WATCH_RUNNING, WATCH_IDLE };

struct watch;
struct watched;

/* end: ends the statement with this number; called on the watch's thread, again each second until it is over. */
struct watch *watch_start(unsigned places, void (*end)(void *data, uint64_t number), void *data);
void watch_stop(struct watch *w);

/* A connection begins; NULL without memory. Any thread. */
struct watched *watch_add(struct watch *w, int fd);
/* And ends; after this the descriptor is not touched. */
void watch_remove(struct watched *c);

void watch_state(struct watched *c, enum watch_state state);
/* RUNNING: statement `number`; at until_ns (CLOCK_MONOTONIC) it ends as if its client had left. */
void watch_running(struct watched *c, uint64_t number, int64_t until_ns);

#endif
