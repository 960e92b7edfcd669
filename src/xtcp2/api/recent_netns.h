/* SPDX-License-Identifier: MIT */
#ifndef API_RECENT_NETNS_H
#define API_RECENT_NETNS_H
/*
 * Sums of the sockets of each namespace in the last poll, and two series of the last RECENT_POINTS polls. Not
 * thread-safe. Namespaces beyond RECENT_NETNS_MAX are added up as one, whose name is "".
 */
#include <stdint.h>

#include "base/buf.h"
#include "record/record.h"
#include "view/column.h"

#define RECENT_NETNS_MAX 32
/* 5 minutes of polls that are a second apart, 50 minutes of the usual ten. */
#define RECENT_POINTS	 300

struct recent_netns;

/* NULL without memory. */
struct recent_netns *recent_netns_new(void);
void recent_netns_free(struct recent_netns *n);

/* Take a socket with its rates. */
void recent_netns_take(struct recent_netns *n, const struct record *r,
		       const double rates[static VIEW_RATE_MAX_]);
/* The poll with that number has ended at that time (since the epoch). */
void recent_netns_turn(struct recent_netns *n, uint64_t poll, int64_t real_ns);
/* Append `"times":[...],"namespaces":[...]` with the points of the polls after that one. */
void recent_netns_json(const struct recent_netns *n, uint64_t after, struct buf *b);

#endif
