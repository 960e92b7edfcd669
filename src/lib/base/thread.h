/* SPDX-License-Identifier: MIT */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H
/* The start of a thread: a stack of known size and a name for top -H and /metrics. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Start fn(data) on a stack of stack_bytes, 0 for the system's default. All signals
 * are blocked in it, as the main thread handles them, but for SIGSYS, which a refused
 * system call raises in the thread that made it. The name has at most 15 characters.
 * 0 or -errno; the caller joins the thread.
 */
int thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*fn)(void *), void *data);

/*
 * Join a thread whose last act is to write the eventfd ended_fd. Return false when it does not within ms milliseconds, because it
 * hangs in the kernel: it is left behind, and what it uses must not be freed.
 */
bool thread_join_within(pthread_t thread, int ended_fd, int ms);

#endif
