/* SPDX-License-Identifier: MIT */
#ifndef API_RECENT_H
#define API_RECENT_H
/*
 * The top sockets of the last poll, for the live page.
 *
 * Theory of operation
 *
 * Somebody who looks asks every few seconds (recent_look()). From then on the workers give the records of each
 * poll to the tap; RECENT_LOOK_NS after the last question the tap is taken away and the memory freed: a daemon at
 * whose page nobody looks does nothing here. Of a poll, only the first sockets by each order are kept, as the
 * bytes of their records; of the others, the counters that rates need (recent_sockets.h). All of it is bounded, some
 * 4 MiB at most.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "poll/poll.h"

/* A page asks every two seconds, a page in the background not at all. */
#define RECENT_LOOK_NS (60 * NS_PER_SEC)

struct recent;

/*
 * set_tap is called with data, on the main thread, to begin and to end (NULL). It takes effect with the next cycle
 * and returns whether one is running. NULL without memory.
 */
struct recent *recent_new(bool (*set_tap)(void *data, struct poll_tap *tap), void *data);
/* Detach from the poll; recent_free() may then follow once no worker runs. NULL is fine. */
void recent_end(struct recent *r);
void recent_free(struct recent *r);

/* Main thread: somebody looks, at the time now_ns (CLOCK_MONOTONIC). own_port as of recent_sockets_new(). */
void recent_look(struct recent *r, uint16_t own_port, int64_t now_ns);
/* Main thread, after each cycle. */
void recent_poll_done(struct recent *r, int64_t now_ns);

/* Append the sockets by `order`, the first one for an unknown name, as an object; null while there are none. */
void recent_json(struct recent *r, const char *order, struct buf *b);

#endif
