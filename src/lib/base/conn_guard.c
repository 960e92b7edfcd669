/* SPDX-License-Identifier: MIT */
#include "base/conn_guard.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/clock.h"

struct conn_slot {
	TAILQ_ENTRY(conn_slot) link;
	int fd;
	bool shut; /* shutdown(2) was called */
	int64_t marked_ns, deadline_ns;
};

struct conn_guard {
	pthread_mutex_t lock;
	TAILQ_HEAD(slots, conn_slot) open, shut; /* open: by the last mark, the oldest first */
	size_t count, room;			 /* count: of open */
	uint64_t closed;
};

struct conn_guard *conn_guard_new(size_t room)
{
	struct conn_guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->room = room;
	TAILQ_INIT(&g->open);
	TAILQ_INIT(&g->shut);
	pthread_mutex_init(&g->lock, NULL);
	return g;
}

void conn_guard_free(struct conn_guard *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* Call with the lock held. */
static void slot_shut(struct conn_guard *g, struct conn_slot *slot)
{
	TAILQ_REMOVE(&g->open, slot, link);
	TAILQ_INSERT_TAIL(&g->shut, slot, link);
	slot->shut = true;
	g->count--;
	g->closed++;
	shutdown(slot->fd, SHUT_RDWR);
}

static void slot_time(struct conn_slot *slot, unsigned seconds)
{
	slot->marked_ns = clock_mono_ns();
	slot->deadline_ns = slot->marked_ns + seconds * NS_PER_SEC;
}

/* Shut down connections beyond `room` that are older than the grace time. Return the time until the next one
 * is, or 0 when no connection is beyond `room`. Call with the lock held. */
static int64_t make_room(struct conn_guard *g, int64_t now)
{
	while (g->count > g->room) {
		struct conn_slot *oldest = TAILQ_FIRST(&g->open);
		int64_t left = oldest->marked_ns + CONN_GRACE_MS * NS_PER_MS - now;
		if (left > 0)
			return left;
		slot_shut(g, oldest);
	}
	return 0;
}

struct conn_slot *conn_guard_enter(struct conn_guard *g, int fd, unsigned seconds)
{
	struct conn_slot *slot = malloc(sizeof(*slot));

	if (!slot)
		return NULL;
	*slot = (struct conn_slot){.fd = fd};
	slot_time(slot, seconds);
	pthread_mutex_lock(&g->lock);
	TAILQ_INSERT_TAIL(&g->open, slot, link);
	g->count++;
	make_room(g, slot->marked_ns);
	pthread_mutex_unlock(&g->lock);
	return slot;
}

void conn_guard_mark(struct conn_guard *g, struct conn_slot *slot, unsigned seconds)
{
	if (!slot)
		return;
	pthread_mutex_lock(&g->lock);
	if (!slot->shut) {
		slot_time(slot, seconds);
		TAILQ_REMOVE(&g->open, slot, link);
		TAILQ_INSERT_TAIL(&g->open, slot, link);
	}
	pthread_mutex_unlock(&g->lock);
}

void conn_guard_leave(struct conn_guard *g, struct conn_slot *slot)
{
	if (!slot)
		return;
	pthread_mutex_lock(&g->lock);
	TAILQ_REMOVE(slot->shut ? &g->shut : &g->open, slot, link);
	g->count -= !slot->shut;
	pthread_mutex_unlock(&g->lock);
	free(slot);
}

int64_t conn_guard_sweep(struct conn_guard *g)
{
	int64_t now = clock_mono_ns(), next = -1, left;

	pthread_mutex_lock(&g->lock);
	for (struct conn_slot *slot = TAILQ_FIRST(&g->open), *after; slot; slot = after) {
		after = TAILQ_NEXT(slot, link);
		if (slot->deadline_ns <= now)
			slot_shut(g, slot);
		else if (next < 0 || slot->deadline_ns - now < next)
			next = slot->deadline_ns - now;
	}
	if ((left = make_room(g, now)) > 0 && (next < 0 || left < next))
		next = left;
	pthread_mutex_unlock(&g->lock);
	return next;
}

uint64_t conn_guard_closed(struct conn_guard *g)
{
	pthread_mutex_lock(&g->lock);
	uint64_t closed = g->closed;
	pthread_mutex_unlock(&g->lock);
	return closed;
}
