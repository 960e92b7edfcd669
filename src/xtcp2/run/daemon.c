/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Few kinds of threads, their number constant: the main thread (this loop:
 * timers, inotify, signals, HTTP, gRPC), -netlinkers workers, one destination
 * thread, one for closed connections where they are asked for. The main thread never waits for the network:
 * what is slow happens in the others.
 *
 * Way down (SIGTERM, SIGINT): no new cycle, the running one is waited for (its
 * own time-out bounds it), then the destination flushes for -flushTimeout, then
 * the ledger of what was and was not delivered is logged.
 */
#include "run/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "poll/poll.h"
#include "run/control.h"
#include "run/namespaces.h"
#include "run/reexec.h"
#include "run/state.h"
#include "run/syscalls.h"
#include "source/capture.h"
#include "stats/stats.h"
#include "version.h"

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->data;
	int signo = loop_signals_read(w);

	if (!signo)
		return;
	log_notice("xtcp2", "%s: stopping", strsignal(signo));
	loop_stop(d->loop);
}

/* The reader of stdout is gone: nobody is left to ship to. */
static void on_dest_ended(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->data;

	loop_remove(d->loop, w);
	d->reader_gone = true;
	loop_stop(d->loop);
}

/* A cycle that overran its time-out twice over means a worker hangs: the service manager shall know. */
static void on_watchdog(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->data;

	loop_timer_read(w);
	if (poll_running_ns(d->poll) < 2 * d->config->timeout_ns + NS_PER_SEC)
		notify_send("WATCHDOG=1");
}

static void scan_when_idle(struct daemon *d)
{
	d->scan_due = poll_running_ns(d->poll) > 0;
	if (!d->scan_due)
		netns_table_scan(d->table);
}

static void on_reconcile(struct loop_watch *w, uint32_t events)
{
	loop_timer_read(w);
	scan_when_idle(w->data);
}

void daemon_netns_changed(void *data)
{
	struct daemon *d = data;

	if (d->poll)
		scan_when_idle(d);
}

static void on_poll_done(void *data, const struct poll_result *result)
{
	struct daemon *d = data;

	d->loops++;
	grpc_server_poll_done(d->grpc);
	/* The poll has opened what is new and knows the cookies. */
	namespaces_follow(d);
	if (d->config->max_loops && d->loops >= d->config->max_loops) {
		loop_stop(d->loop);
		return;
	}
	if (d->scan_due)
		scan_when_idle(d);
}

static bool health_alive(void *data, struct buf *why)
{
	struct daemon *d = data;

	if (poll_running_ns(d->poll) < 2 * d->config->timeout_ns + NS_PER_SEC)
		return true;
	buf_printf(why, "a poll cycle has been running for %lld s\n",
		   (long long)(poll_running_ns(d->poll) / NS_PER_SEC));
	return false;
}

bool daemon_ready(void *data, struct buf *why)
{
	struct daemon *d = data;
	bool ready = health_alive(data, why);

	if (d->loops == 0) {
		buf_str(why, "the first poll cycle has not ended\n");
		ready = false;
	}
	if (!poll_complete(d->poll, why))
		ready = false;
	if (!dest_healthy(d->dest)) {
		buf_printf(why, "the destination %s cannot be reached\n", dest_public_name(d->dest));
		ready = false;
	}
	return ready;
}

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

static int start_http(struct daemon *d)
{
	char error[256];
	struct http_options options = {
	    .listen = d->config->prom_listen,
	    .prom_path = d->config->prom_path,
	    .healthy = health_alive,
	    .ready = daemon_ready,
	    .data = d,
	};
	if (!d->config->prom_listen[0])
		return 0;
	d->http = http_start(d->loop, &options, error, sizeof(error));
	if (!d->http)
		log_err("xtcp2", "-promListen %s", error);
	return d->http ? 0 : -EINVAL;
}

static int start_capture(struct daemon *d)
{
	if (d->config->write_files == 0)
		return 0;
	d->source.capture = capture_new(d->config->capture_path, d->config->write_files);
	if (!d->source.capture)
		log_err("xtcp2", "-capturePath %s: %s", d->config->capture_path, strerror(errno));
	return d->source.capture ? 0 : -EINVAL;
}

/* What a user got wrong (2) is told apart from what failed (1) by who returns the error. */
static int start_configured(struct daemon *d)
{
	if (setup_hostname(d->config) < 0 || setup_source(d->config, &d->source) < 0 ||
	    setup_user(d->config, &d->user) < 0)
		return -EINVAL;
	d->dest = setup_dest(d->config);
	if (!d->dest)
		return -EINVAL;
	/* One per namespace is needed. */
	limits_raise_files();
	return 0;
}

static int start_running(struct daemon *d)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};

	d->loop = loop_new();
	if (!d->loop)
		return -errno;
	int r = loop_signals_open(d->loop, &d->signals, signals);
	/* Files and ports may need what is dropped next. */
	if (r == 0)
		r = setup_files(d->config, &d->user, d->dest);
	if (r == 0)
		r = start_capture(d);
	if (r == 0)
		r = start_http(d);
	if (r == 0)
		r = control_start(d);
	if (r == 0)
		r = namespaces_prepare(d);
	if (r == 0)
		r = setup_privileges(d->config, &d->user, &d->netns);
	if (r == 0)
		r = syscalls_restrict(d->config->seccomp, d->config->io_uring);
	if (r == 0)
		r = namespaces_start(d);
	if (r == 0)
		r = dest_start(d->dest);
	if (r < 0)
		return r;
	d->dest_ended.fd = dest_ended_fd(d->dest);
	r = loop_add(d->loop, &d->dest_ended, EPOLLIN);
	if (r < 0)
		return r;
	d->poll = poll_new(d->loop, d->config, d->config->io_uring ? &source_netlink_uring : &source_netlink,
			   &d->source, d->table, d->dest);
	if (!d->poll)
		return -errno;
	r = namespaces_ready(d);
	if (r == 0)
		r = start_timers(d);
	return r < 0 ? r : poll_start(d->poll, on_poll_done, d);
}

static void log_ledger(const struct daemon *d)
{
	uint64_t lost = stat_get(STAT_RECORDS_QUEUE_FULL) + stat_get(STAT_RECORDS_SEND_FAILED) +
			stat_get(STAT_RECORDS_DEADLINE) + stat_get(STAT_RECORDS_OVERSIZE);

	log_info("xtcp2", "%llu polls, %llu records, %llu sent to %s, %llu lost",
		 (unsigned long long)stat_get(STAT_POLLS), (unsigned long long)stat_get(STAT_RECORDS),
		 (unsigned long long)stat_get(STAT_DEST_SENT_RECORDS), dest_public_name(d->dest),
		 (unsigned long long)lost);
}

/* Clients get this long to take what is queued for them. */
#define GRPC_DRAIN_MS 1000

/*
 * Returns whether everything that was read has gone out. Clients shall get the
 * last records, and their streams untap as they close: first the threads end,
 * then the server, then what it was attached to, then what that shipped to.
 */
static bool stop(struct daemon *d)
{
	bool flushed = true, ran = d->poll != NULL;

	notify_send("STOPPING=1");
	poll_end(d->poll);
	closer_end(d->closer);
	grpc_server_free(d->grpc, GRPC_DRAIN_MS);
	closer_free(d->closer);
	poll_free(d->poll);
	if (ran) {
		flushed = dest_stop(d->dest, clock_mono_ns() + d->config->flush_timeout_ns) == 0;
		log_ledger(d);
	}
	if (d->loop)
		loop_remove(d->loop, &d->dest_ended);
	dest_free(d->dest);
	http_stop(d->http);
	namespaces_stop(d);
	capture_free(d->source.capture);
	if (d->loop) {
		loop_timer_close(d->loop, &d->watchdog);
		loop_timer_close(d->loop, &d->reconcile);
		loop_signals_close(d->loop, &d->signals);
	}
	loop_free(d->loop);
	return flushed;
}

int daemon_run(struct config *config, char *const *argv)
{
	struct daemon d = {
	    .config = config,
	    .signals = {.fd = -1, .name = "signals", .fn = on_signal},
	    .watchdog = {.fd = -1, .name = "watchdog", .fn = on_watchdog},
	    .reconcile = {.fd = -1, .name = "reconcile", .fn = on_reconcile},
	    .dest_ended = {.fd = -1, .name = "destination ended", .fn = on_dest_ended},
	};
	d.signals.data = d.watchdog.data = d.reconcile.data = d.dest_ended.data = &d;

	int status = 2;
	int r = start_configured(&d);
	if (r == 0) {
		r = start_running(&d);
		status = r == -EINVAL ? 2 : 1;
	}
	if (r == 0) {
		log_info("xtcp2", "version %s, %u workers, every %lld ms, -dest %s -marshal %s",
			 XTCP2_VERSION, config->netlinkers, (long long)(config->frequency_ns / NS_PER_MS),
			 dest_public_name(d.dest), config->marshal);
		notify_send("READY=1");
		r = loop_run(d.loop);
		status = r < 0 ? 1 : 0;
	}
	if (r < 0 && r != -EINVAL)
		log_err("xtcp2", "%s", strerror(-r));
	if (!stop(&d) && status == 0 && !d.reader_gone)
		status = 1;
	if (d.successor) {
		status = reexec(d.successor, argv[0]);
		config_free(d.successor);
		free(d.successor);
	}
	return status;
}
