/* SPDX-License-Identifier: MIT */
#ifndef LOOK_SNAPSHOT_H
#define LOOK_SNAPSHOT_H
/*
 * Makes the polls of a daemon with -changed (poll/changes.h) whole again: from its records, in their order, comes every socket of
 * every poll. Records of several hosts and runs may be mixed. A record passes as it is when it comes; when a poll ends, the
 * sockets that it left out follow, with its time and with their ages advanced to it. Records of other daemons pass unchanged.
 * Memory: the sockets of the last poll of each run.
 */
#include <stdbool.h>

#include "record/record.h"

struct snapshot;

/* take() gets each record; it is valid during the call. NULL without memory. */
struct snapshot *snapshot_new(void (*take)(void *data, const struct record *record), void *data);
void snapshot_free(struct snapshot *s);

/*
 * Take the next record, which may be changed. Return false if a poll ended here that cannot be made whole, as records of it or of one before
 * were lost, with one sentence in error (size bytes).
 */
bool snapshot_record(struct snapshot *s, struct record *record, char *error, size_t size);

/* Records before the first full poll of their run, which cannot be used. */
uint64_t snapshot_early(const struct snapshot *s);

#endif
