/* SPDX-License-Identifier: MIT */
#include "netns/exits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define EXITS_MAX      1024
#define EXITS_DELAY_NS (20 * NS_PER_MS)

/* The pause after a scan is this many times its duration, up to the last. */
#define EXITS_DUTY	   20
#define EXITS_DELAY_MAX_NS (500 * NS_PER_MS)

struct netns_exits {
	struct loop *loop;
	struct loop_watch timer;
	bool armed;
	size_t count, max;
	int64_t earliest_ns; /* CLOCK_MONOTONIC: not before */
	void (*on_exit)(void *data);
	void *data;
};

static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct netns_exits *x = w->data;

	loop_timer_read(w);
	x->armed = false;
	x->on_exit(x->data);
}

struct netns_exits *netns_exits_new(struct loop *loop, void (*on_exit)(void *data), void *data)
{
	struct netns_exits *x = calloc(1, sizeof(*x));
	struct rlimit files = {0};

	if (!x)
		return NULL;
	getrlimit(RLIMIT_NOFILE, &files);
	*x = (struct netns_exits){
	    .loop = loop,
	    .timer = {.fd = -1, .name = "ends of processes", .fn = on_timer, .data = x},
	    .max = files.rlim_cur / 8 < EXITS_MAX ? files.rlim_cur / 8 : EXITS_MAX,
	    .on_exit = on_exit,
	    .data = data,
	};
	int r = loop_timer_open(loop, &x->timer);
	if (r < 0) {
		free(x);
		errno = -r;
		return NULL;
	}
	return x;
}

void netns_exits_free(struct netns_exits *x)
{
	if (!x)
		return;
	loop_timer_close(x->loop, &x->timer);
	free(x);
}

void netns_exits_hurry(struct netns_exits *x)
{
	int64_t delay = x->earliest_ns - clock_mono_ns();

	if (x->armed)
		return;
	if (delay < EXITS_DELAY_NS)
		delay = EXITS_DELAY_NS;
	x->armed = loop_timer_set(&x->timer, delay, 0) == 0;
}

void netns_exits_scanned(struct netns_exits *x, int64_t took_ns)
{
	int64_t rest = took_ns * EXITS_DUTY;

	x->earliest_ns = clock_mono_ns() + (rest < EXITS_DELAY_MAX_NS ? rest : EXITS_DELAY_MAX_NS);
}

void netns_exit_end(struct netns_exit *e)
{
	if (!e->owner)
		return;
	loop_remove(e->owner->loop, &e->watch);
	close(e->watch.fd);
	e->owner->count--;
	*e = (struct netns_exit){0};
}

static void on_end(struct loop_watch *w, uint32_t events)
{
	struct netns_exit *e = w->data;
	struct netns_exits *x = e->owner;

	netns_exit_end(e);
	netns_exits_hurry(x);
}

void netns_exits_watch(struct netns_exits *x, struct netns_exit *e, pid_t pid)
{
	if (e->owner && e->pid == pid)
		return;
	netns_exit_end(e);
	if (pid == 0 || x->count == x->max)
		return;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		/* It has ended since the scan; or the kernel has no pidfds (before 5.3): the next scan
		 * notices. */
		if (errno == ESRCH)
			netns_exits_hurry(x);
		return;
	}
	e->watch = (struct loop_watch){.fd = fd, .name = "end of a process", .fn = on_end, .data = e};
	if (loop_add(x->loop, &e->watch, EPOLLIN) < 0) {
		close(fd);
		return;
	}
	e->owner = x;
	e->pid = pid;
	x->count++;
}
