/* SPDX-License-Identifier: MIT */
#include "clickhouse/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/conn_guard.h"
#include "base/thread.h"

/* Interval between two checks of the connections. */
#define TICK_NS	     (200 * NS_PER_MS)
/* Interval between two requests to end the same statement. */
#define END_AGAIN_NS NS_PER_SEC
/* Most statements ended in one round; the others follow in the next. */
#define ENDS_MAX     64

struct watched {
	struct watch *watch;
	struct watched *next;
	int fd;
	enum watch_state state;
	struct conn_slot *slot; /* while the guard has it; used by the connection's thread only */
	int64_t until_ns, told_ns;
	uint64_t number;
};

struct watch {
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	struct watched *list;
	struct conn_guard *guard; /* of the states with a limit */
	bool stop;
	void (*end)(void *data, uint64_t number);
	void *data;
};

/* Longest duration of a state in seconds; 0 for no limit, and the guard ignores the state. */
static const unsigned limits[] = {
    [WATCH_OPEN] = WATCH_OPEN_SECONDS,
    [WATCH_REFUSED] = WATCH_OPEN_SECONDS,
    [WATCH_SERVED] = 0,
    [WATCH_RUNNING] = 0,
    [WATCH_IDLE] = WATCH_IDLE_SECONDS,
};
_Static_assert(ARRAY_SIZE(limits) == WATCH_IDLE + 1, "a limit for every state");

/* A half-closed connection counts as closed: such clients do not wait for an answer that takes long. */
static bool client_left(const struct watched *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0;
}

/* Check one connection. Return true if its statement must be ended. */
static bool look(struct watched *c, int64_t now)
{
	if (c->state != WATCH_RUNNING || now - c->told_ns < END_AGAIN_NS)
		return false;
	if (now < c->until_ns && !client_left(c))
		return false;
	c->told_ns = now;
	return true;
}

static void *watch_run(void *data)
{
	struct watch *w = data;
	uint64_t ends[ENDS_MAX];

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		size_t n = 0;
		int64_t now = clock_mono_ns();

		for (struct watched *c = w->list; c && n < ENDS_MAX; c = c->next)
			if (look(c, now))
				ends[n++] = c->number;
		pthread_mutex_unlock(&w->lock);
		for (size_t i = 0; i < n; i++)
			w->end(w->data, ends[i]);
		conn_guard_sweep(w->guard);
		pthread_mutex_lock(&w->lock);
		now += TICK_NS;
		struct timespec until = {now / NS_PER_SEC, now % NS_PER_SEC};
		if (!w->stop)
			pthread_cond_timedwait(&w->change, &w->lock, &until);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct watch *watch_start(unsigned places, void (*end)(void *data, uint64_t number), void *data)
{
	struct watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	*w = (struct watch){.guard = conn_guard_new(places), .end = end, .data = data};
	if (!w->guard) {
		free(w);
		return NULL;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->change, &attr);
	pthread_condattr_destroy(&attr);
	if (thread_start(&w->thread, "watch", 0, watch_run, w) == 0)
		return w;
	conn_guard_free(w->guard);
	free(w);
	return NULL;
}

void watch_stop(struct watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->change);
	pthread_mutex_destroy(&w->lock);
	conn_guard_free(w->guard);
	free(w);
}

struct watched *watch_add(struct watch *w, int fd)
{
	struct watched *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct watched){.watch = w, .fd = fd, .state = WATCH_OPEN};
	c->slot = conn_guard_enter(w->guard, fd, limits[WATCH_OPEN]);
	pthread_mutex_lock(&w->lock);
	c->next = w->list;
	w->list = c;
	pthread_mutex_unlock(&w->lock);
	return c;
}

void watch_remove(struct watched *c)
{
	if (!c)
		return;
	struct watch *w = c->watch;
	pthread_mutex_lock(&w->lock);
	struct watched **at = &w->list;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	pthread_mutex_unlock(&w->lock);
	conn_guard_leave(w->guard, c->slot);
	free(c);
}

static void set(struct watched *c, enum watch_state state, uint64_t number, int64_t until_ns)
{
	if (!c)
		return;
	struct conn_guard *guard = c->watch->guard;
	if (!limits[state])
		conn_guard_leave(guard, take_ptr(c->slot));
	else if (c->slot)
		conn_guard_mark(guard, c->slot, limits[state]);
	else
		c->slot = conn_guard_enter(guard, c->fd, limits[state]);
	pthread_mutex_lock(&c->watch->lock);
	c->state = state;
	c->number = number;
	c->until_ns = until_ns;
	c->told_ns = 0;
	pthread_mutex_unlock(&c->watch->lock);
}

void watch_state(struct watched *c, enum watch_state state)
{
	set(c, state, 0, INT64_MAX);
}

void watch_running(struct watched *c, uint64_t number, int64_t until_ns)
{
	set(c, WATCH_RUNNING, number, until_ns);
}
