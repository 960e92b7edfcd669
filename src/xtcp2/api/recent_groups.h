/* SPDX-License-Identifier: MIT */
#ifndef API_RECENT_GROUPS_H
#define API_RECENT_GROUPS_H
/*
 * The groups of the tally (namespaces, unless -promLabels says otherwise) in the last poll, and two series of
 * the last RECENT_POINTS polls. Main thread only.
 *
 * Groups beyond RECENT_GROUPS_MAX are added up with those for which the tally has no place, as one whose name is "".
 */
#include <stdint.h>

#include "base/buf.h"

struct tally;

#define RECENT_GROUPS_MAX 32
/* 5 minutes of polls that are a second apart, 50 minutes of the usual ten. */
#define RECENT_POINTS	  300

struct recent_groups;

/* tally is borrowed. NULL without memory. */
struct recent_groups *recent_groups_new(const struct tally *tally);
void recent_groups_free(struct recent_groups *g);

/* The poll with that number has ended, now_ns by CLOCK_MONOTONIC, real_ns since the epoch. */
void recent_groups_turn(struct recent_groups *g, uint64_t poll, int64_t now_ns, int64_t real_ns);
/* Append `"labels":[...],"times":[...],"groups":[...]` with the points of the polls after that one. */
void recent_groups_json(const struct recent_groups *g, uint64_t after, struct buf *b);

#endif
