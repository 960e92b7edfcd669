/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_WATCH_H
#define CLICKHOUSE_WATCH_H
/*
 * Watches all connections from one thread, as their own threads may be busy inside the engine. It closes
 * connections that send no request in time, and ends the statement of a client that has disconnected:
 *
 *   OPEN      no request yet: WATCH_OPEN_SECONDS for the headers
 *   REFUSED   a request that will not be served: the same for the rest of its body
 *   SERVED    the body of a request that may ask: not watched (an idle time-out is the server's)
 *   RUNNING   a statement runs, its body is complete: ended when the client closes the connection, or at `until`
 *   IDLE      between two requests: WATCH_IDLE_SECONDS, or until its slot is needed
 *
 * If more than `places` are OPEN, REFUSED or IDLE, the one with the oldest state is closed
 * (base/conn_guard.h).
 */
#include <stdint.h>

#include "base/buf.h"

#define WATCH_OPEN_SECONDS 5
#define WATCH_IDLE_SECONDS 60

enum watch_state { WATCH_OPEN, WATCH_REFUSED, WATCH_SERVED, WATCH_RUNNING, WATCH_IDLE };

struct watch;
struct watched;

/* Start the watch. end() ends a statement by number; it is called on the watch's thread, each second until the
 * statement has ended. */
struct watch *watch_start(unsigned places, void (*end)(void *data, uint64_t number), void *data);
void watch_stop(struct watch *w);

/* Add a connection; NULL without memory. Any thread. */
struct watched *watch_add(struct watch *w, int fd);
/* Remove a connection; its descriptor is not used after this. */
void watch_remove(struct watched *c);

void watch_state(struct watched *c, enum watch_state state);
/* Enter RUNNING with statement `number`; it is ended at until_ns (CLOCK_MONOTONIC) at the latest. */
void watch_running(struct watched *c, uint64_t number, int64_t until_ns);

#endif
