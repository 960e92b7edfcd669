/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"

int thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*fn)(void *), void *data)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	if (stack_bytes)
		r = pthread_attr_setstacksize(&attr, stack_bytes);
	if (r == 0) {
		sigfillset(&all);
		sigdelset(&all, SIGSYS);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		r = pthread_create(thread, &attr, fn, data);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	if (r == 0)
		pthread_setname_np(*thread, name);
	pthread_attr_destroy(&attr);
	return -r;
}

bool thread_join_within(pthread_t thread, int ended_fd, int ms)
{
	struct pollfd ended = {.fd = ended_fd, .events = POLLIN};
	int64_t until = clock_mono_ns() + ms * NS_PER_MS, left;
	int n;

	do {
		left = until - clock_mono_ns();
		n = poll(&ended, 1, left > 0 ? (int)(left / NS_PER_MS) : 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 && pthread_join(thread, NULL) == 0;
}
