/* SPDX-License-Identifier: MIT */
#ifndef NETNS_WATCH_H
#define NETNS_WATCH_H
/*
 * Watches the directories where namespaces are mounted, with inotify(7). Instead of a
 * directory that does not exist, its nearest existing parent is watched. Any event
 * means "scan again" and its content is ignored, so that an overflow of the queue is
 * no special case, and a burst of events leads to one call.
 *
 * The file of a new namespace is created before the namespace is mounted on it, and
 * the mount causes no event; netns_watch_retry() requests another call shortly after.
 */
#include "base/loop.h"

struct netns_watch;

/* Watch the directories (borrowed, NULL-terminated). on_change(data) runs on the loop's thread. NULL with
 * errno. */
struct netns_watch *netns_watch_new(struct loop *loop, const char *const *directories,
				    void (*on_change)(void *data), void *data);
void netns_watch_free(struct netns_watch *w);

/* Watch directories created or mounted over since the last call. Costs a few system calls. */
void netns_watch_rearm(struct netns_watch *w);

/* Call on_change again soon, a bounded number of times: a scan met a file that is no namespace yet. */
void netns_watch_retry(struct netns_watch *w);

#endif
