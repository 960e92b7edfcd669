/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <signal.h>

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
