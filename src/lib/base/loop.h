/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H
/*
 * One epoll(7) loop, one thread. A watch is embedded in the object it serves
 * and carries the function to call, so that the dispatch in loop_run() is one
 * indirect call that does not know the owners of watches. Dependencies so point
 * downwards, and short-lived connections (gRPC) need no case in a central switch.
 * `name` names the watch in logs.
 *
 * A callback may remove and free any watch, its own included: events already
 * fetched for a removed watch are not delivered.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_watch;
typedef void (*loop_fn)(struct loop_watch *watch, uint32_t events);

struct loop_watch {
	int fd; /* borrowed: the owner closes it, after loop_remove() */
	const char *name;
	loop_fn fn;
	void *data; /* the owner's, not touched */
};

/* Create a loop. NULL with errno when epoll_create1(2) or the allocation fails. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Watch w->fd for EPOLLIN|EPOLLOUT|...; level-triggered.
 * The watch must outlive its removal. 0 or -errno. */
int loop_add(struct loop *loop, struct loop_watch *w, uint32_t events);
int loop_modify(struct loop *loop, struct loop_watch *w, uint32_t events);
/* Remove a watch; does nothing for one that is not in the loop. */
void loop_remove(struct loop *loop, struct loop_watch *w);

/* Dispatch until loop_stop(). Return 0 or -errno of epoll_wait(2). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/*
 * A one-shot timer as a watch: creates a timerfd(2) for w (w->fd becomes it and
 * is closed by loop_timer_close()). Unarmed until loop_timer_set().
 */
int loop_timer_open(struct loop *loop, struct loop_watch *w);
/* Fire once after delay_ns and, with interval_ns > 0, again every interval. 0, 0 disarms. */
int loop_timer_set(struct loop_watch *w, int64_t delay_ns, int64_t interval_ns);
/* Read the expirations; call it in the timer's callback. */
uint64_t loop_timer_read(struct loop_watch *w);
void loop_timer_close(struct loop *loop, struct loop_watch *w);

/*
 * Signals as a watch: those of the list, which 0 ends, are blocked in this
 * thread and in all it starts later, so that w alone sees them; SIGPIPE is
 * ignored, and so is what was ignored before (nohup), but SIGTERM and SIGINT. Call it before any thread starts. 0 or -errno.
 */
int loop_signals_open(struct loop *loop, struct loop_watch *w, const int *signals);
/* Return the pending signal, 0 for none; call it in the watch's callback. */
int loop_signals_read(struct loop_watch *w);
void loop_signals_close(struct loop *loop, struct loop_watch *w);

#endif
