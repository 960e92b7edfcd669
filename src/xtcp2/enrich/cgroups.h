/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_CGROUPS_H
#define ENRICH_CGROUPS_H
/*
 * Theory of operation: places by cgroup
 *
 * A record has the id of the cgroup in which its socket was made: the inode number of a
 * directory of the cgroup2 file system, never used twice. An id that is not in the table
 * makes the whole tree be walked, once per poll at most; names and inode numbers of
 * directories are open to every user. That tells sockets of several containers in one
 * network namespace apart, or in that of the host. Within a cgroup namespace of its own
 * the daemon sees the cgroups below its own only.
 *
 * A place is immutable. It lives until a cgroups_poll_begins() that finds it unused for
 * CGROUPS_KEPT_POLLS polls and the table more than half full. Limits: CGROUPS_MAX places,
 * CGROUPS_WALK_NS for a walk; what is beyond them has no place.
 */
#include <stdint.h>

#include "base/clock.h"
#include "enrich/place.h"

#define CGROUPS_MAX	   8192
#define CGROUPS_WALK_NS	   (100 * NS_PER_MS)
#define CGROUPS_KEPT_POLLS 8

struct cgroups;

/* NULL with errno; ENOENT: no cgroup2 file system is mounted, where only processes have places. */
struct cgroups *cgroups_new(void);
void cgroups_free(struct cgroups *c);

/* A poll begins, and pointers that cgroups_find() gave are not used any more. Main thread, between polls. */
void cgroups_poll_begins(struct cgroups *c);

/* Return the place of the cgroup, borrowed until the next cgroups_poll_begins(); NULL for unknown. Any thread. */
const struct place *cgroups_find(struct cgroups *c, uint64_t id);

/* Copy the place of the cgroup for as long as the caller likes; false for unknown. Walks nothing. Any thread. */
bool cgroups_recall(struct cgroups *c, uint64_t id, struct place *place);

/* Return an id for the place of a process, as /proc/PID/cgroup tells it; 0 for none. proc_fd is /proc. */
uint64_t cgroups_of_process(struct cgroups *c, int proc_fd, uint32_t pid);

/*
 * Call fn for a copy of each place whose container lacks name or image; when it returns true the copy has been changed and
 * replaces the place. Main thread, between polls.
 */
void cgroups_each_unnamed(struct cgroups *c, bool (*fn)(void *data, struct place *place), void *data);

#endif
