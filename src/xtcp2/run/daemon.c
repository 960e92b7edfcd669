/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The number of threads is constant: the main thread (this loop: timers, inotify,
 * signals, HTTP, gRPC), -netlinkers workers, one destination thread, and one each with
 * -closeEvents, -enrichContainer, -criSocket, -asnFile, -enrichNic or -enrichLldp, and -hiddenThreads or -hiddenSockets.
 * The main thread never waits for the network; slow work is done by the others.
 * parts.c starts and ends the parts.
 */
#include "run/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "api/config_message.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "poll/poll.h"
#include "run/bpf.h"
#include "run/control.h"
#include "run/handover.h"
#include "run/ledger.h"
#include "run/namespaces.h"
#include "run/parts.h"
#include "run/reload.h"
#include "run/state.h"
#include "stats/stats.h"
#include "version.h"

void daemon_log_ledger(const struct daemon *d, const char *verdict)
{
	char unchanged[64] = "", dropped[80] = "";

	if (stat_get(STAT_RECORDS_UNCHANGED))
		snprintf(unchanged, sizeof(unchanged), ", %llu unchanged and left out",
			 (unsigned long long)stat_get(STAT_RECORDS_UNCHANGED));
	if (stat_get(STAT_S3_DROPPED))
		snprintf(dropped, sizeof(dropped), ", %llu dropped from the spool",
			 (unsigned long long)stat_get(STAT_S3_DROPPED_RECORDS));
	log_at(verdict[0] ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "xtcp2",
	       "source %s: %llu polls, %llu records, %llu sent to %s, %llu lost%s%s%s", d->source_name,
	       (unsigned long long)stat_get(STAT_POLLS), (unsigned long long)stat_get(STAT_RECORDS),
	       (unsigned long long)stat_get(STAT_DEST_SENT_RECORDS), dest_public_name(d->dest),
	       (unsigned long long)ledger_lost(), unchanged, dropped, verdict);
}

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->data;
	int signo = loop_signals_read(w);

	if (!signo)
		return;
	switch (signo) {
	case SIGHUP:
		reload_all(d);
		break;
	case SIGUSR1:
		log_notice("xtcp2", "files are opened anew");
		reload_files(d);
		break;
	case SIGUSR2:
		daemon_log_ledger(d, "");
		break;
	default:
		log_notice("xtcp2", "%s: stopping", strsignal(signo));
		loop_stop(d->loop);
	}
}

/* The reader of stdout has closed it: stop. */
static void on_dest_ended(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->data;

	loop_remove(d->loop, w);
	loop_stop(d->loop);
}

/* If a cycle exceeds its time-out twice over, a worker hangs: let the service manager's watchdog expire. */
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

void daemon_poll_done(void *data, const struct poll_result *result)
{
	struct daemon *d = data;

	d->loops++;
	daemon_owners_follow(d);
	/* The poll has opened new namespaces and set their cookies; a client may begin the next one below. */
	namespaces_follow(d);
	web_poll_done(d);
	grpc_server_poll_done(d->grpc);
	if (d->config->max_loops && d->loops >= d->config->max_loops) {
		loop_stop(d->loop);
		return;
	}
	if (d->scan_due)
		scan_when_idle(d);
}

bool daemon_alive(void *data, struct buf *why)
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
	bool ready = daemon_alive(data, why);

	if (d->loops == 0) {
		buf_str(why, "the first poll cycle has not ended\n");
		ready = false;
	}
	if (!poll_complete(d->poll, why))
		ready = false;
	if (!dest_healthy(d->dest)) {
		char reason[DEST_REASON_MAX];
		dest_reason(d->dest, reason);
		buf_printf(why, "the destination %s does not deliver: %s\n", dest_public_name(d->dest),
			   reason[0] ? reason : "nothing was sent yet");
		ready = false;
	}
	return ready;
}

static void daemon_init(struct daemon *d, struct config *config, struct handover *received, char *name)
{
	*d = (struct daemon){
	    .config = config,
	    .received = received,
	    .dest_fd = -1,
	    .name = name,
	    .signals = {.fd = -1, .name = "signals", .fn = on_signal, .data = d},
	    .watchdog = {.fd = -1, .name = "watchdog", .fn = on_watchdog, .data = d},
	    .reconcile = {.fd = -1, .name = "reconcile", .fn = on_reconcile, .data = d},
	    .dest_ended = {.fd = -1, .name = "destination ended", .fn = on_dest_ended, .data = d},
	};
	sockets_init(&d->sockets);
}

int daemon_check(struct config *config, struct handover *received)
{
	struct daemon d;

	daemon_init(&d, config, received, NULL);
	d.trial_only = true;
	int r = parts_start(&d);
	parts_stop(&d);
	return r == -EINVAL ? 2 : r < 0;
}

int daemon_run(struct config *config, struct handover *received, char *name)
{
	struct daemon d;
	char frequency[DURATION_TEXT_MAX];

	daemon_init(&d, config, received, name);
	int r = parts_start(&d);
	int status = r == -EINVAL ? 2 : r < 0;
	if (r == 0) {
		d.up = true;
		handover_settle(received);
		sockets_settle(&d.sockets);
		log_info("xtcp2", "version %s, source %s, %u workers, every %s, -dest %s -marshal %s",
			 XTCP2_VERSION, d.source_name, config->netlinkers,
			 duration_format(config->frequency_ns, frequency), dest_public_name(d.dest),
			 config->marshal);
		notify_send("READY=1");
		r = loop_run(d.loop);
		status = r < 0;
		if (r < 0)
			log_err("xtcp2", "the loop has ended: %s", strerror(-r));
		notify_send("STOPPING=1");
	}
	struct handover left = HANDOVER_NOTHING;
	left.origin = received->origin;
	if (d.successor) {
		sockets_give(&d.sockets, &left);
		directories_give(&d.directories, &left);
		bpf_give(&d.source, &left);
	}
	parts_stop(&d);
	if (d.dest_fd >= 0)
		handover_leave(&left, config->dest, d.dest_fd);
	if (status == 0)
		status = d.undelivered;
	if (d.successor) {
		handover_exec(d.successor, config, &left, name);
		config_delete(d.successor);
		status = 1;
	}
	return status;
}
