/* SPDX-License-Identifier: MIT */
#include "base/ticker.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define TICKER_STACK_BYTES (256 * 1024)

int ticker_wait(const struct ticker *t, int fd, short events, int64_t until_ns)
{
	struct pollfd fds[] = {{.fd = t->stop_fd, .events = POLLIN}, {.fd = fd, .events = events}};

	for (;;) {
		int64_t left = until_ns - clock_mono_ns();
		struct timespec ts = {.tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC};
		int n = left > 0 ? ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) : 0;

		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			return fds[0].revents ? -ECANCELED : 0;
	}
}

static void *ticker_main(void *data)
{
	struct ticker *t = data;

	do {
		t->tick(t->data);
	} while (ticker_wait(t, -1, 0, clock_mono_ns() + t->interval_ns) == -ETIMEDOUT);
	eventfd_write(t->ended_fd, 1);
	return NULL;
}

static void close_fds(struct ticker *t)
{
	cleanup_closep(&t->stop_fd);
	cleanup_closep(&t->ended_fd);
	t->stop_fd = t->ended_fd = -1;
}

int ticker_start(struct ticker *t, const char *name, int64_t interval_ns, void (*tick)(void *data),
		 void *data)
{
	t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->name = name;
	t->interval_ns = interval_ns;
	t->tick = tick;
	t->data = data;
	int r = t->stop_fd < 0 || t->ended_fd < 0 ? -errno : 0;
	if (r == 0)
		r = thread_start(&t->thread, name, TICKER_STACK_BYTES, ticker_main, t);
	if (r < 0)
		close_fds(t);
	t->started = r == 0;
	return r;
}

bool ticker_stop(struct ticker *t)
{
	if (!t->started)
		return true;
	eventfd_write(t->stop_fd, 1);
	if (!thread_join_within(t->thread, t->ended_fd, TICKER_STOP_MS)) {
		log_warn(t->name, "its thread hangs: left behind");
		return false;
	}
	close_fds(t);
	t->started = false;
	return true;
}
