/* SPDX-License-Identifier: MIT */
#include "base/ticker.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
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
	return NULL;
}

int ticker_start(struct ticker *t, const char *name, int64_t interval_ns, void (*tick)(void *data),
		 void *data)
{
	t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->stop_fd < 0)
		return -errno;
	t->interval_ns = interval_ns;
	t->tick = tick;
	t->data = data;
	int r = thread_start(&t->thread, name, TICKER_STACK_BYTES, ticker_main, t);
	if (r < 0) {
		close(t->stop_fd);
		t->stop_fd = -1;
	}
	t->started = r == 0;
	return r;
}

void ticker_stop(struct ticker *t)
{
	if (!t->started)
		return;
	eventfd_write(t->stop_fd, 1);
	pthread_join(t->thread, NULL);
	close(t->stop_fd);
	t->stop_fd = -1;
	t->started = false;
}
