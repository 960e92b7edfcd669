/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The parts are in one table, in the order they start. Shutdown walks it backwards
 * twice. The first pass ends everything that acts on other parts: threads that
 * make records (the running cycle completes, bounded by its time-out), then gRPC,
 * whose clients get the last records and whose streams detach from the poll. The
 * second pass frees the parts, which are no longer attached to each other: the
 * destination flushes for -flushTimeout, and the counts of delivered and lost
 * records are logged, whatever the reason for the end.
 */
#include "run/parts.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/notify.h"
#include "poll/poll.h"
#include "run/bpf.h"
#include "run/control.h"
#include "run/facts.h"
#include "run/handover.h"
#include "run/ledger.h"
#include "run/namespaces.h"
#include "run/refusal.h"
#include "run/reload.h"
#include "run/state.h"
#include "run/syscalls.h"
#include "run/tally.h"
#include "source/capture.h"

static int start_timers(struct daemon *d)
{
	int64_t watchdog = notify_watchdog_interval(), reconcile = d->config->reconcile_frequency_ns;
	int r = 0;

	if (watchdog > 0) {
		r = loop_timer_open(d->loop, &d->watchdog);
		if (r == 0)
			r = loop_timer_set(&d->watchdog, watchdog, watchdog);
	}
	if (r == 0 && reconcile > 0) {
		r = loop_timer_open(d->loop, &d->reconcile);
		if (r == 0)
			r = loop_timer_set(&d->reconcile, reconcile, reconcile);
	}
	return r;
}

static void stop_timers(struct daemon *d)
{
	loop_timer_close(d->loop, &d->watchdog);
	loop_timer_close(d->loop, &d->reconcile);
}

static int start_capture(struct daemon *d)
{
	int r = setup_capture_directory(d->config, &d->user);

	if (r < 0 || d->config->write_files == 0)
		return r;
	d->source.capture = capture_new(d->config->capture_path, d->config->write_files);
	return d->source.capture ? 0
				 : refuse("capturePath", " %s: %s", d->config->capture_path, strerror(errno));
}

static void stop_capture(struct daemon *d)
{
	capture_free(d->source.capture);
}

static int start_settings(struct daemon *d)
{
	int r = setup_source(d->config, &d->source);

	if (r == 0)
		r = facts_check(d->config);
	if (r == 0)
		r = setup_user(d->config, &d->user);
	if (r == 0)
		limits_raise_files(); /* one per namespace is needed */
	return r;
}

static int start_dest(struct daemon *d)
{
	d->dest = setup_dest(d->config);
	return d->dest ? 0 : -EINVAL;
}

static void stop_dest(struct daemon *d)
{
	dest_free(d->dest);
}

static int start_loop(struct daemon *d)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, 0};

	d->loop = loop_new();
	return d->loop ? loop_signals_open(d->loop, &d->signals, signals) : -errno;
}

static void stop_loop(struct daemon *d)
{
	if (d->loop)
		loop_signals_close(d->loop, &d->signals);
	loop_free(d->loop);
}

static int start_sockets(struct daemon *d)
{
	return sockets_open(&d->sockets, d->config, &d->user, d->received);
}

static void stop_sockets(struct daemon *d)
{
	sockets_close(&d->sockets);
}

/* Open the files of the destination, as the starting user. */
static int open_dest(struct daemon *d)
{
	dest_prepare(d->dest, d->user.uid, d->user.gid, handover_take(d->received, d->config->dest));
	return 0;
}

/* Directories that only root may enter stay open. */
static int open_directories(struct daemon *d)
{
	return directories_open(&d->directories, d->config->netns_dirs, d->received);
}

static void close_directories(struct daemon *d)
{
	directories_free(&d->directories);
}

static int start_privileges(struct daemon *d)
{
	int r = setup_privileges(d->config, &d->user, &d->netns);

	return r < 0 ? r : syscalls_restrict(d->config->seccomp, d->config->io_uring);
}

static int start_bpf(struct daemon *d)
{
	return bpf_prepare(d->config, &d->source, d->received);
}

static void stop_bpf(struct daemon *d)
{
	bpf_release(&d->source);
}

static int start_sender(struct daemon *d)
{
	int r = dest_start(d->dest);

	if (r < 0)
		return r;
	d->dest_ended.fd = dest_ended_fd(d->dest);
	return loop_add(d->loop, &d->dest_ended, EPOLLIN);
}

static void stop_sender(struct daemon *d)
{
	dest_stop(d->dest, clock_mono_ns() + d->config->flush_timeout_ns);
	d->undelivered = ledger_status(d->dest);
	if (d->up)
		daemon_log_ledger(d, d->successor ? "" : ledger_verdict(d->dest));
	/* The next process may lack the rights to open it. A name with a line feed cannot be handed over. */
	if (d->successor && !strchr(d->config->dest, '\n'))
		d->dest_fd = dest_kept_fd(d->dest);
	loop_remove(d->loop, &d->dest_ended);
}

static int start_source(struct daemon *d)
{
	d->reads = bpf_choose(d->config, &d->source, d->table, d->trial_only, &d->source_name);
	return d->reads ? 0 : -EINVAL;
}

static int start_poll(struct daemon *d)
{
	d->poll = poll_new(d->loop, d->config, d->reads, &d->source, d->table, d->dest);
	if (d->poll)
		return 0;
	refuse(d->config->io_uring ? "ioUring" : "netlinkers", ": the workers cannot start: %s",
	       strerror(errno));
	return -errno;
}

static void end_poll(struct daemon *d)
{
	poll_end(d->poll);
}

static void stop_poll(struct daemon *d)
{
	poll_free(d->poll);
}

static void end_close_sender(struct daemon *d)
{
	close_sender_end(d->close_sender);
}

static void stop_close_sender(struct daemon *d)
{
	close_sender_free(d->close_sender);
}

/* Somebody waits for the first poll: one who counts polls, or who looks at a terminal. */
static bool somebody_waits(const struct config *c)
{
	int fd = strcmp(c->dest, "stdout") == 0	  ? STDOUT_FILENO
		 : strcmp(c->dest, "stderr") == 0 ? STDERR_FILENO
						  : -1;

	return c->max_loops || (fd >= 0 && isatty(fd));
}

static int start_polling(struct daemon *d)
{
	return poll_start(d->poll, somebody_waits(d->config), daemon_poll_done, d);
}

/*
 * start returns 0 or -errno; -EINVAL is a user's error. end and stop are called for
 * each part whose start was called, even if it failed. A trial omits parts that are
 * `noticed` from outside.
 */
static const struct part {
	const char *name;
	int (*start)(struct daemon *d);
	void (*end)(struct daemon *d);
	void (*stop)(struct daemon *d);
	bool noticed;
} parts[] = {
    {"settings", start_settings},
    {"destination", start_dest, .stop = stop_dest},
    {"loop", start_loop, .stop = stop_loop},
    /* The next parts may need privileges that are dropped after them. */
    {"destination's files", open_dest, .noticed = true},
    {"capture", start_capture, .stop = stop_capture},
    {"sockets", start_sockets, .stop = stop_sockets},
    {"gRPC", control_start, .end = control_end},
    {"directories", open_directories, .stop = close_directories},
    {"close events", daemon_events_open, .stop = daemon_events_close},
    {"BPF", start_bpf, .stop = stop_bpf},
    {"container runtime", daemon_cri_open, .stop = daemon_cri_close, .noticed = true},
    {"privileges", start_privileges},
    /* What it remembers of files is compared later, with the same privileges. */
    {"reload", reload_start, .stop = reload_stop},
    {"namespaces", namespaces_start, .stop = namespaces_stop},
    {"source", start_source},
    {"uplinks", daemon_uplinks_start, .stop = daemon_uplinks_stop},
    {"autonomous systems", daemon_asn_start, .stop = daemon_asn_stop},
    {"owners", daemon_owners_start, .stop = daemon_owners_stop},
    {"sender", start_sender, .stop = stop_sender, .noticed = true},
    {"poll", start_poll, end_poll, stop_poll},
    {"docker", daemon_docker_start, .stop = daemon_docker_stop},
    {"lists of pods", daemon_cri_start},
    {"closer", daemon_close_sender_start, end_close_sender, stop_close_sender},
    /* Who adds to it ends before anything is freed. */
    {"tally", daemon_tally_start, .stop = daemon_tally_stop},
    {"HTTP", web_start, web_end, web_stop},
    {"timers", start_timers, .stop = stop_timers},
    {"polling", start_polling, .noticed = true},
};

int parts_start(struct daemon *d)
{
	for (; d->started < ARRAY_SIZE(parts); d->started++) {
		const struct part *p = &parts[d->started];
		if (p->noticed && d->trial_only)
			continue;
		int r = p->start(d);
		if (r == 0)
			continue;
		d->started++;
		if (r != -EINVAL)
			refuse("", "%s: %s", p->name, strerror(-r));
		return r;
	}
	return 0;
}

void parts_stop(struct daemon *d)
{
	/* Stop listening: new clients would wait in vain. */
	sockets_close(&d->sockets);
	for (size_t i = d->started; i-- > 0;) {
		if (parts[i].end)
			parts[i].end(d);
	}
	while (d->started-- > 0) {
		const struct part *p = &parts[d->started];
		if (p->stop && !(p->noticed && d->trial_only))
			p->stop(d);
	}
}
