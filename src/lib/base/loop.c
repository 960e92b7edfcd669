/* SPDX-License-Identifier: MIT */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Events fetched by one epoll_wait(2); more wait for the next round. */
#define LOOP_BATCH 64

struct loop {
	int epoll_fd;
	bool stop;
	int pending; /* events[0..pending) are fetched and may still be delivered */
	struct epoll_event events[LOOP_BATCH];
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll_fd);
	free(loop);
}

static int control(struct loop *loop, int op, struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	return epoll_ctl(loop->epoll_fd, op, w->fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_watch *w, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, w, events);
}

int loop_modify(struct loop *loop, struct loop_watch *w, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, w, events);
}

void loop_remove(struct loop *loop, struct loop_watch *w)
{
	if (w->fd >= 0)
		control(loop, EPOLL_CTL_DEL, w, 0);
	for (int i = 0; i < loop->pending; i++) {
		if (loop->events[i].data.ptr == w)
			loop->events[i].data.ptr = NULL;
	}
}

int loop_run(struct loop *loop)
{
	loop->stop = false;
	while (!loop->stop) {
		int n = epoll_wait(loop->epoll_fd, loop->events, LOOP_BATCH, -1);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		loop->pending = n;
		/* Events left after a stop are level-triggered and come again in the next run. */
		for (int i = 0; i < n && !loop->stop; i++) {
			struct loop_watch *w = loop->events[i].data.ptr;
			if (w)
				w->fn(w, loop->events[i].events);
		}
		loop->pending = 0;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}

static void disown(struct loop *loop, struct loop_watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(loop, w);
	close(w->fd);
	w->fd = -1;
}

/* Watch w->fd, which was made for w; close it on failure. */
static int own(struct loop *loop, struct loop_watch *w)
{
	int r = w->fd < 0 ? -errno : loop_add(loop, w, EPOLLIN);

	if (r < 0)
		disown(loop, w);
	return r;
}

int loop_timer_open(struct loop *loop, struct loop_watch *w)
{
	w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return own(loop, w);
}

static struct timespec to_timespec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC};
}

int loop_timer_set(struct loop_watch *w, int64_t delay_ns, int64_t interval_ns)
{
	struct itimerspec its = {.it_value = to_timespec(delay_ns), .it_interval = to_timespec(interval_ns)};

	return timerfd_settime(w->fd, 0, &its, NULL) < 0 ? -errno : 0;
}

uint64_t loop_timer_read(struct loop_watch *w)
{
	uint64_t expirations = 0;

	if (read(w->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
		return 0;
	return expirations;
}

void loop_timer_close(struct loop *loop, struct loop_watch *w)
{
	disown(loop, w);
}

/* Ignored by whoever started the process, as nohup(1) does. Those that end a program on request are always taken. */
static bool stays_ignored(int signo)
{
	struct sigaction action;

	return signo != SIGTERM && signo != SIGINT && sigaction(signo, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

int loop_signals_open(struct loop *loop, struct loop_watch *w, const int *signals)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signals; signals++) {
		if (!stays_ignored(*signals))
			sigaddset(&set, *signals);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	w->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return own(loop, w);
}

int loop_signals_read(struct loop_watch *w)
{
	struct signalfd_siginfo info;

	return read(w->fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

void loop_signals_close(struct loop *loop, struct loop_watch *w)
{
	disown(loop, w);
}
