/* SPDX-License-Identifier: MIT */
#include "netns/hidden.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"
#include "base/thread.h"
#include "netns/hidden_internal.h"
#include "stats/stats.h"

/* The walk runs for this long, then pauses this many times as long as it took, and at least a second. */
#define HIDDEN_STEP_NS (5 * NS_PER_MS)
#define HIDDEN_DUTY    200
#define HIDDEN_REST_NS NS_PER_SEC

/* A step of this duration means that the thread is blocked by another process. */
#define HIDDEN_STUCK_NS (10 * NS_PER_SEC)

/* hidden_free() waits this long for the thread. */
#define HIDDEN_JOIN_MS 2000

#define HIDDEN_STACK_BYTES (128 * 1024)

/* Make one step. Return whether the walk is complete. */
static bool step(struct hidden *h)
{
	int64_t until = clock_mono_ns() + HIDDEN_STEP_NS;
	bool more;

	hidden_walk_verify(h);
	do
		more = hidden_walk_one(h);
	while (more && clock_mono_ns() < until);
	stat_add(STAT_HIDDEN_WALKS, !more);
	return !more;
}

/* Raise CAP_NET_ADMIN, which SIOCGSKNS needs, on this thread. Without it only threads are looked at. */
static void may_ask_sockets(struct hidden *h)
{
	if (!h->sockets || privilege_raise(CAP_NET_ADMIN) == 0)
		return;
	h->sockets = false;
	log_warn("netns",
		 "-hiddenSockets: without CAP_NET_ADMIN namespaces that only a socket holds are not seen");
}

static void *hidden_main(void *data)
{
	struct hidden *h = data;
	struct pollfd stop = {.fd = h->stop_fd, .events = POLLIN};
	bool round = false;

	may_ask_sockets(h);

	for (;;) {
		int64_t begin = clock_mono_ns();
		__atomic_store_n(&h->alive_ns, begin, __ATOMIC_RELAXED);
		round |= step(h);
		__atomic_store_n(&h->alive_ns, 0, __ATOMIC_RELAXED);
		int64_t took = clock_mono_ns() - begin;
		stat_add(STAT_HIDDEN_NS, (uint64_t)took);
		/* The first walk, which meets every socket for the first time, takes at most half of a
		 * core. */
		int64_t rest = round ? took * HIDDEN_DUTY : took;
		if (round && rest < HIDDEN_REST_NS)
			rest = HIDDEN_REST_NS;
		int n = poll(&stop, 1, (int)(rest / NS_PER_MS) + 1);
		if (n > 0 || (n < 0 && errno != EINTR))
			break;
	}
	eventfd_write(h->ended_fd, 1);
	return NULL;
}

static int start(struct hidden *h)
{
	int r = thread_start(&h->thread, "hidden", HIDDEN_STACK_BYTES, hidden_main, h);

	h->started = r == 0;
	return r;
}

struct hidden *hidden_new(bool background, bool sockets)
{
	struct hidden *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->stop_fd = eventfd(0, EFD_CLOEXEC);
	h->ended_fd = eventfd(0, EFD_CLOEXEC);
	h->let_go_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->sockets = sockets;
	pthread_mutex_init(&h->lock, NULL);
	int r = h->stop_fd < 0 || h->ended_fd < 0 || h->let_go_fd < 0 ? -errno : hidden_walk_init(h);
	if (r == 0 && background)
		r = start(h);
	if (r < 0) {
		hidden_free(h);
		errno = -r;
		return NULL;
	}
	return h;
}

void hidden_free(struct hidden *h)
{
	if (!h)
		return;
	if (h->started)
		eventfd_write(h->stop_fd, 1);
	if (h->started && !thread_join_within(h->thread, h->ended_fd, HIDDEN_JOIN_MS)) {
		log_warn("netns", "the search for hidden namespaces does not end: left behind");
		return;
	}
	cleanup_closep(&h->stop_fd);
	cleanup_closep(&h->ended_fd);
	cleanup_closep(&h->let_go_fd);
	hidden_walk_free(h);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int hidden_let_go_fd(const struct hidden *h)
{
	return h->let_go_fd;
}

void hidden_let_go_read(struct hidden *h)
{
	uint64_t ignored;

	if (read(h->let_go_fd, &ignored, sizeof(ignored)) < 0)
		log_debug("netns", "eventfd: %s", strerror(errno));
}

void hidden_look(struct hidden *h)
{
	may_ask_sockets(h);
	hidden_walk_verify(h);
	while (hidden_walk_one(h))
		;
	if (h->sockets)
		privilege_lower(CAP_NET_ADMIN);
	stat_add(STAT_HIDDEN_WALKS, 1);
}

void hidden_each(struct hidden *h, void (*fn)(void *data, const struct holder *holder), void *data)
{
	static struct log_limit limit;
	int64_t alive = __atomic_load_n(&h->alive_ns, __ATOMIC_RELAXED);
	uint64_t suppressed;

	if (alive && clock_mono_ns() - alive > HIDDEN_STUCK_NS) {
		if (log_limit_pass(&limit, 60 * NS_PER_SEC, &suppressed))
			log_warn(
			    "netns",
			    "the search for hidden namespaces waits for process %d, which does not answer",
			    __atomic_load_n(&h->pid, __ATOMIC_RELAXED));
		return;
	}
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->count; i++)
		fn(data, &h->holders[i]);
	pthread_mutex_unlock(&h->lock);
}
