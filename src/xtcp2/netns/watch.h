/* SPDX-License-Identifier: MIT */
#ifndef NETNS_WATCH_H
#define NETNS_WATCH_H
/*
 * inotify over the directories where namespaces are mounted. A directory that
 * does not exist is watched for through its nearest existing parent. Events are
 * not believed in detail: any of them means "scan again", so that a queue that
 * overflowed is no special case, and a burst of them leads to one call.
 *
 * The file of a new namespace is created before the namespace is mounted on it,
 * and the mount itself makes no event; netns_watch_retry() asks for another
 * call a little later.
 */
#include "base/loop.h"

struct netns_watch;

/* directories is borrowed, NULL-terminated. on_change(data) runs on the loop's thread. NULL with errno. */
struct netns_watch *netns_watch_new(struct loop *loop, const char *const *directories,
				    void (*on_change)(void *data), void *data);
void netns_watch_free(struct netns_watch *w);

/* Watches directories that appeared, or were mounted over, since the last call. A few system calls. */
void netns_watch_rearm(struct netns_watch *w);

/* A scan met a file that is no namespace yet: calls on_change again soon, a bounded number of times. */
void netns_watch_retry(struct netns_watch *w);

#endif
