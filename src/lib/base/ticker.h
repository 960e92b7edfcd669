/* SPDX-License-Identifier: MIT */
#ifndef BASE_TICKER_H
#define BASE_TICKER_H
/* A thread that does the same thing at an interval: reads something that may block, and keeps it for others. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ticker {
	pthread_t thread;
	const char *name; /* borrowed */
	bool started;
	int stop_fd, ended_fd; /* eventfds: readable once the ticker has to end, and once it has */
	int64_t interval_ns;
	void (*tick)(void *data);
	void *data;
};

/*
 * Call tick(data) at once and then interval_ns after each return, on a thread of that name (15 characters). A tick that waits
 * also waits for stop_fd. 0 or -errno; ticker_stop() is fine after either.
 */
int ticker_start(struct ticker *t, const char *name, int64_t interval_ns, void (*tick)(void *data),
		 void *data);
/*
 * End the thread and wait for a tick that runs, for TICKER_STOP_MS. Return false, logged, when it hangs in the kernel, on a file
 * system that does not answer for example: then what it uses must not be freed. Fine for a zeroed ticker.
 */
#define TICKER_STOP_MS 2000
bool ticker_stop(struct ticker *t);

/* Wait until fd is ready for `events` of poll(2). 0, -ETIMEDOUT at until_ns (CLOCK_MONOTONIC), or -ECANCELED when the ticker has to end. */
int ticker_wait(const struct ticker *t, int fd, short events, int64_t until_ns);

#endif
