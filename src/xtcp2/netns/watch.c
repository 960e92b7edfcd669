/* SPDX-License-Identifier: MIT */
#include "netns/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "stats/stats.h"

/* Events closer together than this cause one call of on_change(). */
#define WATCH_COALESCE_NS (10 * NS_PER_MS)

/* Retries for a file without its mount: after 20, 40, ... 1280 ms; then only the next event or poll. */
#define WATCH_RETRIES 7

/* Bytes of one read: some 500 events of typical length. */
#define WATCH_READ_SIZE 16384

/* One mask for all, since one inode may serve several directories. IN_MASK_ADD: without it the kernel clears the mask of a
 * watch that is there already before it sets the new one (inotify_update_existing_watch()), and loses the event of that moment. */
#define WATCH_MASK                                                                                          \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | \
	 IN_MASK_ADD)

struct watched {
	const char *path;
	int wd;	       /* of the directory or of its nearest existing parent; -1 for none */
	size_t prefix; /* length of the path that wd watches; strlen(path) for the directory itself */
};

struct netns_watch {
	struct loop *loop;
	struct loop_watch inotify, timer;
	void (*on_change)(void *data);
	void *data;
	unsigned retries; /* made since the last event */
	bool timer_armed;
	size_t count;
	struct watched directories[];
};

static bool is_exact(const struct watched *d)
{
	return d->prefix == strlen(d->path);
}

/* Watch d->path, or its longest existing prefix. */
static void attach(struct netns_watch *w, struct watched *d)
{
	char path[PATH_MAX];
	size_t len = strlen(d->path);

	if (len >= sizeof(path))
		return;
	memcpy(path, d->path, len + 1);
	for (;;) {
		int wd = inotify_add_watch(w->inotify.fd, len ? path : "/", WATCH_MASK);
		if (wd >= 0 || len == 0) {
			d->wd = wd;
			d->prefix = len;
			return;
		}
		while (len > 0 && path[len] != '/')
			len--;
		path[len] = '\0';
	}
}

static void detach_unused(struct netns_watch *w, int wd)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->directories[i].wd == wd)
			return;
	}
	inotify_rm_watch(w->inotify.fd, wd);
}

void netns_watch_rearm(struct netns_watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct watched *d = &w->directories[i];
		int old = d->wd;

		attach(w, d);
		if (old >= 0 && old != d->wd)
			detach_unused(w, old);
	}
}

static void schedule(struct netns_watch *w, int64_t delay_ns)
{
	if (!w->timer_armed && loop_timer_set(&w->timer, delay_ns, 0) == 0)
		w->timer_armed = true;
}

void netns_watch_retry(struct netns_watch *w)
{
	if (w->retries >= WATCH_RETRIES)
		return;
	schedule(w, 2 * WATCH_COALESCE_NS << w->retries);
	w->retries++;
}

/* Return whether the event is about the directory or the next part of its path. */
static bool concerns(const struct watched *d, const struct inotify_event *event)
{
	if (event->wd != d->wd)
		return false;
	if (is_exact(d) || event->len == 0)
		return true;
	const char *next = d->path + d->prefix + 1;
	size_t len = strcspn(next, "/");
	return strlen(event->name) == len && memcmp(event->name, next, len) == 0;
}

/* Return whether the event requires a scan. */
static bool take_event(struct netns_watch *w, const struct inotify_event *event)
{
	bool due = false;

	if (event->mask & IN_Q_OVERFLOW) {
		stat_add(STAT_NETNS_OVERFLOW, 1);
		return true;
	}
	for (size_t i = 0; i < w->count; i++) {
		struct watched *d = &w->directories[i];

		if (!concerns(d, event))
			continue;
		due = true;
		if (event->mask & IN_IGNORED)
			d->wd = -1;
	}
	if (due)
		stat_add(STAT_NETNS_EVENTS, 1);
	return due;
}

static void on_inotify(struct loop_watch *watch, uint32_t events)
{
	struct netns_watch *w = watch->data;
	_Alignas(struct inotify_event) char buffer[WATCH_READ_SIZE];
	bool due = false;

	/* One read per round: the loop is level-triggered, and a flood must not starve the other watches. */
	ssize_t n = read(w->inotify.fd, buffer, sizeof(buffer));
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
		due |= take_event(w, event);
		at += sizeof(*event) + event->len;
	}
	if (!due)
		return;
	netns_watch_rearm(w);
	w->retries = 0;
	schedule(w, WATCH_COALESCE_NS);
}

static void on_timer(struct loop_watch *watch, uint32_t events)
{
	struct netns_watch *w = watch->data;

	loop_timer_read(watch);
	w->timer_armed = false;
	if (w->on_change)
		w->on_change(w->data);
}

struct netns_watch *netns_watch_new(struct loop *loop, const char *const *directories,
				    void (*on_change)(void *data), void *data)
{
	size_t count = 0;

	while (directories[count])
		count++;
	struct netns_watch *w = calloc(1, sizeof(*w) + count * sizeof(w->directories[0]));
	if (!w)
		return NULL;
	w->loop = loop;
	w->on_change = on_change;
	w->data = data;
	w->count = count;
	w->timer = (struct loop_watch){.fd = -1, .name = "netns retry", .fn = on_timer, .data = w};
	w->inotify = (struct loop_watch){.name = "netns directories", .fn = on_inotify, .data = w};
	w->inotify.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int r = w->inotify.fd < 0 ? -errno : loop_add(loop, &w->inotify, EPOLLIN);
	if (r == 0)
		r = loop_timer_open(loop, &w->timer);
	if (r < 0) {
		netns_watch_free(w);
		errno = -r;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		w->directories[i] = (struct watched){.path = directories[i], .wd = -1};
	netns_watch_rearm(w);
	return w;
}

void netns_watch_free(struct netns_watch *w)
{
	if (!w)
		return;
	loop_timer_close(w->loop, &w->timer);
	if (w->inotify.fd >= 0) {
		loop_remove(w->loop, &w->inotify);
		close(w->inotify.fd);
	}
	free(w);
}
