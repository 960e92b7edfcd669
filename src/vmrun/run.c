/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. One thread, one loop. Everything that happens becomes an
 * event (events.h). The judge sees each event when it is written, and this file
 * then acts on the judge's state: it answers BYE, starts and ends the progress
 * lines, and ends the run when the machine panics, a deadline passes or the user
 * interrupts it. run_vm() prepares, launches, runs the loop until the run is
 * `over`, makes the autopsy if the machine hangs or has panicked, ends the
 * machine, and only then lets the judge conclude.
 */
#include "vmrun/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "vmrun/access.h"
#include "vmrun/artifact.h"
#include "vmrun/autopsy.h"
#include "vmrun/console.h"
#include "vmrun/deadline.h"
#include "vmrun/events.h"
#include "vmrun/judge.h"
#include "vmrun/ports.h"
#include "vmrun/progress.h"
#include "vmrun/qmp.h"
#include "vmrun/report.h"
#include "vmrun/result_line.h"
#include "vmrun/setup.h"
#include "vmrun/shell.h"
#include "vmrun/timings.h"
#include "vmrun/vm.h"

/* The interval of checking the deadlines and of updating the progress line. */
#define TICK_NS (200 * NS_PER_MS)

/* Bound of the transcript, against a guest that floods its console. */
#define CONSOLE_LOG_MAX (INT64_C(64) << 20)
/* Console lines kept for the autopsy, in bytes. */
#define TAIL_MAX	(256 * 1024)
/* Error lines copied into events.jsonl; a broken guest writes them without end. */
#define TROUBLE_MAX	1000

#define LOG_NAME "xtcp2-vmrun"

enum why_over { RUNNING, OVER_EXITED, OVER_STOPPED, OVER_HUNG, OVER_PANIC };

struct run {
	struct setup *setup;
	const struct run_options *options;
	struct loop *loop;
	struct loop_watch tick, signals;
	struct vm vm;
	struct judge judge;
	struct events *events;
	struct progress progress;
	struct artifacts *artifacts;
	struct shell *shell;
	struct line_reader *console, *records;
	struct buf tail; /* the last console lines, clean */
	int console_log;
	int64_t console_bytes;
	unsigned int troubles;
	enum why_over over;
	bool report_failed;  /* the disk is full, for instance */
	bool kept;	     /* the verdict is decided, the machine stays up for the user */
	bool answered;	     /* BYE was acknowledged */
	int64_t activity_ms; /* since launch: the last byte on any channel */
};

static void end_run(struct run *r, enum why_over why)
{
	if (r->over == RUNNING)
		r->over = why;
	loop_stop(r->loop);
}

static void emit_text(struct run *r, const char *ev, const char *key, const char *text)
{
	events_emit(r->events, ev, json_pack("{s:s}", key, text));
}

static void stop(struct run *r, const char *reason)
{
	if (r->over != RUNNING)
		return;
	emit_text(r, "stop", "reason", reason);
	end_run(r, OVER_STOPPED);
}

/* Emit an event of the guest. Beyond EVENTS_GUEST_MAX the run has no verdict; a machine that stays up only
 * loses the event. */
static void emit_guest(struct run *r, const char *ev, json_t *fields)
{
	if (!events_emit_guest(r->events, ev, fields) && !r->kept)
		stop(r, "flood");
}

/* End the run after a deadline. Before the guest's first instruction the machine could not be run. */
static void time_out(struct run *r, const char *kind, const char *text)
{
	if (r->judge.started)
		events_emit(r->events, "timeout", json_pack("{s:s, s:s}", "kind", kind, "text", text));
	else
		emit_text(r, "error", "text", text);
	end_run(r, OVER_HUNG);
}

/* Open the access to a machine that stays up and print it. */
static void keep(struct run *r)
{
	int port = 0;

	r->kept = true;
	progress_line(&r->progress,
		      "the machine stays up; Ctrl-C ends it. Access, once the services have started:");
	if (r->shell && !r->options->debug_shell) {
		port = shell_listen(r->shell, r->options->ports_auto ? 0 : r->options->console_port);
		if (port < 0)
			log_warn(LOG_NAME, "no console port: 127.0.0.1:%d: %s", r->options->console_port,
				 strerror(-port));
	}
	access_print(&r->progress, port, json_object_get(r->judge.run, "ports"), r->setup->flavor.example);
}

/* Let the judge conclude and write the reports. */
static void conclude(struct run *r)
{
	judge_finish(&r->judge);
	progress_clear(&r->progress);
	report_summary(stdout, &r->judge, r->options->debug_shell);
	if (r->options->timings)
		timings_print(stdout, &r->judge);
	int error = report_write(r->setup->report, &r->judge);
	r->report_failed = error < 0;
	if (error < 0)
		log_err(LOG_NAME, "cannot write the report to %s: %s", r->setup->report, strerror(-error));
	fprintf(stdout, "report: %s\n", r->setup->report);
	fflush(stdout);
}

/* Answer the guest's BYE; unless it is kept, it then powers off by itself. */
static void answer_bye(struct run *r)
{
	r->answered = true;
	vm_write(&r->vm, CHANNEL_RESULT, RESULT_ACK, strlen(RESULT_ACK));
	if (!r->options->keep_alive) {
		progress_step(&r->progress, "power-off", 0);
		return;
	}
	emit_text(r, "stop", "reason", "bye");
	conclude(r);
	keep(r);
}

/* Show the effect of the last record. */
static void show_progress(struct run *r, bool was_planned)
{
	struct judge *j = &r->judge;

	if (!was_planned && j->planned)
		progress_done(&r->progress, "boot", true, j->plan_ms, NULL);
	for (size_t i = 0; i < j->checks_count; i++) {
		struct judge_check *c = &j->checks[i];
		if (c->told || (c->state != CHECK_PASS && c->state != CHECK_FAIL))
			continue;
		c->told = true;
		progress_done(&r->progress, c->name, c->state == CHECK_PASS, judge_check_ms(c), c->reason);
	}
	const struct judge_check *running = judge_running(j);
	if (running && running->end_ms < 0 && strcmp(r->progress.step, running->name) != 0)
		progress_step(&r->progress, running->name, running->load_ms);
}

static void on_record_line(const char *line, size_t len, void *data)
{
	struct run *r = data;
	bool was_planned = r->judge.planned;
	unsigned int notes = r->judge.notes;

	/* A machine that stays up keeps sending records; after the verdict they do not count. */
	if (!len || r->judge.finished)
		return;
	emit_guest(r, "record", json_pack("{s:s}", "line", line));
	show_progress(r, was_planned);
	if (r->judge.notes != notes && r->judge.last_note && *r->judge.last_note)
		progress_line(&r->progress, "  -    %s", r->judge.last_note);
	if (r->judge.bye && !r->answered)
		answer_bye(r);
	else if (r->options->fail_fast && judge_failing(&r->judge))
		stop(r, "fail-fast");
}

static void on_console_line(const char *line, size_t len, void *data)
{
	struct run *r = data;
	struct console_sentinel s;

	if (r->tail.len + len > TAIL_MAX)
		buf_consume(&r->tail, r->tail.len / 2);
	buf_append(&r->tail, line, len);
	buf_byte(&r->tail, '\n');
	/* The host itself causes the SysRq output during the autopsy. */
	if (r->over == OVER_HUNG)
		return;
	enum console_class class = console_classify(line, &s);
	if (class == CONSOLE_PLAIN || (class == CONSOLE_OOPS && r->troubles++ >= TROUBLE_MAX))
		return;
	emit_guest(r, "console", json_pack("{s:s, s:s}", "class", console_class_name(class), "line", line));
}

static void on_artifact(const struct artifact_result *a, void *data)
{
	struct run *r = data;
	const char *answer = a->error ? RESULT_NAK : RESULT_ACK;

	emit_guest(
	    r, "artifact",
	    json_pack("{s:s, s:I, s:s*}", "name", a->name, "size", (json_int_t)a->size, "error", a->error));
	vm_write(&r->vm, CHANNEL_ARTIFACT, answer, strlen(answer));
}

static void on_bytes(enum channel channel, const void *bytes, size_t n, void *data)
{
	struct run *r = data;

	r->activity_ms = events_now_ms(r->events);
	if (channel == CHANNEL_RESULT) {
		line_reader_feed(r->records, bytes, n);
	} else if (channel == CHANNEL_ARTIFACT) {
		artifacts_feed(r->artifacts, bytes, n);
	} else if (channel == CHANNEL_SHELL) {
		if (r->shell)
			shell_output(r->shell, bytes, n);
	} else {
		if (r->console_bytes < CONSOLE_LOG_MAX && write(r->console_log, bytes, n) < 0 &&
		    r->console_bytes == 0)
			log_warn(LOG_NAME, "cannot write the transcript: %s", strerror(errno));
		r->console_bytes += (int64_t)n;
		line_reader_feed(r->console, bytes, n);
	}
}

static void on_cont(const json_t *result, const char *error, void *data)
{
	struct run *r = data;

	if (error) {
		emit_text(r, "error", "text", error);
		end_run(r, OVER_STOPPED);
		return;
	}
	r->activity_ms = events_now_ms(r->events);
	events_emit(r->events, "started", NULL);
	if (!json_array_size(r->setup->flavor.checks)) {
		progress_line(&r->progress, "  this flavor has no self-test");
		keep(r);
	}
}

/* Record the forwards that QEMU made; with --ports auto only QEMU knows the host's ports. */
static void on_usernet(const json_t *result, const char *error, void *data)
{
	struct run *r = data;

	json_object_set_new(r->judge.run, "ports", ports_json(&r->setup->flavor, json_string_value(result)));
	qmp_command(r->vm.qmp, "cont", NULL, on_cont, r);
}

static void on_qmp(const char *event, const json_t *message, void *data)
{
	struct run *r = data;

	if (strcmp(event, "QMP") == 0) {
		qmp_command(r->vm.qmp, "qmp_capabilities", NULL, NULL, NULL);
		qmp_human(r->vm.qmp, "info usernet", on_usernet, r);
		return;
	}
	events_emit(r->events, "qmp",
		    json_pack("{s:s, s:O*}", "event", event, "data", json_object_get(message, "data")));
	if (strcmp(event, "GUEST_PANICKED") == 0)
		end_run(r, OVER_PANIC);
	else if (strcmp(event, "WATCHDOG") == 0)
		end_run(r, OVER_HUNG);
}

static void on_error_line(const char *line, void *data)
{
	struct run *r = data;

	emit_text(r, "stderr", "line", line);
}

static void on_exited(int status, void *data)
{
	struct run *r = data;
	json_t *fields = json_pack("{s:b}", "killed", r->vm.killed);

	line_reader_finish(r->console);
	line_reader_finish(r->records);
	if (WIFSIGNALED(status))
		json_object_set_new(fields, "signal", json_integer(WTERMSIG(status)));
	else
		json_object_set_new(fields, "code", json_integer(WEXITSTATUS(status)));
	events_emit(r->events, "exit", fields);
	end_run(r, OVER_EXITED);
}

static const struct vm_ops ops = {on_bytes, on_qmp, on_error_line, on_exited};

static void check_deadlines(struct run *r)
{
	struct limits limits = {.scale_percent = r->setup->accel.scale_percent,
				.run_ms = r->setup->timeout_ns / NS_PER_MS};
	char text[DEADLINE_TEXT_MAX];
	enum deadline d = deadline_passed(&r->judge, &limits, events_now_ms(r->events), r->activity_ms, text);

	if (d == DEADLINE_POWER_OFF) {
		/* The verdict is decided: end a guest that does not power off, and log it. */
		log_warn(LOG_NAME, "%s; it was ended", text);
		stop(r, "bye");
	} else if (d != DEADLINE_NONE) {
		time_out(r, deadline_name(d), text);
	}
}

static void on_tick(struct loop_watch *w, uint32_t events)
{
	struct run *r = w->data;

	loop_timer_read(w);
	progress_tick(&r->progress);
	if (r->over == RUNNING && !r->kept)
		check_deadlines(r);
}

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct run *r = w->data;

	if (loop_signals_read(w))
		stop(r, "interrupt");
}

static void on_shell_end(void *data)
{
	stop(data, "interrupt");
}

/* Open the files and objects of the run on the host. Return 0 or -errno. */
static int open_run(struct run *r)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
	char path[PATH_MAX + 32];
	int error;

	judge_init(&r->judge);
	progress_init(&r->progress, r->options->debug_shell);
	r->tick = (struct loop_watch){.fd = -1, .name = "tick", .fn = on_tick, .data = r};
	r->signals = (struct loop_watch){.fd = -1, .name = "signals", .fn = on_signal, .data = r};
	snprintf(path, sizeof(path), "%s/console.log", r->setup->report);
	r->console_log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->console_log < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/events.jsonl", r->setup->report);
	r->events = events_open(path, &r->judge);
	if (!r->events)
		return -errno;
	snprintf(path, sizeof(path), "%s/artifacts", r->setup->report);
	r->artifacts = artifacts_new(path, r->setup->nonce, on_artifact, r);
	r->console = line_reader_new(on_console_line, r);
	r->records = line_reader_new(on_record_line, r);
	r->loop = loop_new();
	if (!r->artifacts || !r->console || !r->records || !r->loop)
		return -ENOMEM;
	error = loop_signals_open(r->loop, &r->signals, signals);
	if (error == 0)
		error = loop_timer_open(r->loop, &r->tick);
	if (error == 0)
		error = loop_timer_set(&r->tick, TICK_NS, TICK_NS);
	return error;
}

static void close_run(struct run *r)
{
	shell_free(r->shell);
	events_close(r->events);
	artifacts_free(r->artifacts);
	line_reader_free(r->console);
	line_reader_free(r->records);
	if (r->loop) {
		loop_timer_close(r->loop, &r->tick);
		loop_signals_close(r->loop, &r->signals);
	}
	if (r->console_log >= 0)
		close(r->console_log);
	loop_free(r->loop);
	buf_free(&r->tail);
	judge_free(&r->judge);
}

static void launch(struct run *r)
{
	struct setup *s = r->setup;
	char text[512], limit[DURATION_TEXT_MAX];

	progress_line(&r->progress, "%s: accel %s (%s), %d MiB, %d vCPU, time-out %s", s->flavor.name,
		      s->accel.name, s->accel.reason, s->flavor.memory_mib, s->flavor.vcpus,
		      duration_format(s->timeout_ns / NS_PER_SEC * NS_PER_SEC, limit));
	events_launch(r->events);
	events_emit(r->events, "run", setup_json(s));
	int error = vm_start(&r->vm, r->loop, s->argv.v, &ops, r);
	if (error < 0) {
		snprintf(text, sizeof(text), "cannot start %s: %s%s", s->argv.v[0], strerror(-error),
			 error == -ENOENT ? " (is QEMU installed? Debian: qemu-system-x86)" : "");
		emit_text(r, "error", "text", text);
		end_run(r, OVER_STOPPED);
		return;
	}
	events_emit(r->events, "spawn", json_pack("{s:i}", "pid", (int)r->vm.child.pid));
	if (r->options->keep_alive || r->options->debug_shell || !json_array_size(s->flavor.checks))
		r->shell = shell_new(r->loop, &r->vm, on_shell_end, r);
	if (r->options->debug_shell && (!r->shell || shell_terminal(r->shell) < 0))
		log_warn(LOG_NAME, "--debug-shell: standard input is not a terminal");
	else if (r->options->debug_shell)
		progress_line(&r->progress,
			      "the guest has this terminal; " SHELL_ESCAPE_NAME " ends the run\r");
	progress_step(&r->progress, "boot", 0);
}

static void examine(struct run *r)
{
	const struct judge_check *running = judge_running(&r->judge);
	char path[PATH_MAX + 32], summary[AUTOPSY_SUMMARY_MAX];
	struct autopsy a = {
	    .vm = &r->vm,
	    .why = r->judge.timeout_text ? r->judge.timeout_text : "kernel panic",
	    .last_check = running ? running->name : NULL,
	    .tail = &r->tail,
	    .paused = r->over == OVER_PANIC,
	};
	snprintf(path, sizeof(path), "%s/autopsy.txt", r->setup->report);
	progress_step(&r->progress, "autopsy", 0);
	autopsy_run(&a, path, summary);
	progress_clear(&r->progress);
	r->progress.step[0] = '\0';
	fprintf(stderr, LOG_NAME ": %s; %s\n" LOG_NAME ": more in %s and console.log\n", a.why, summary,
		path);
}

int run_vm(const struct run_options *o)
{
	static struct setup setup;
	static char error[SETUP_ERROR_MAX];
	struct run r = {.setup = &setup, .options = o, .console_log = -1, .signals.fd = -1, .tick.fd = -1};
	int status = VERDICT_NOT_RUN;

	if (setup_prepare(&setup, o, error) < 0) {
		log_err(LOG_NAME, "%s", error);
		setup_free(&setup);
		return VERDICT_NOT_RUN;
	}
	int opened = open_run(&r);
	if (opened < 0) {
		log_err(LOG_NAME, "cannot set up the run in %s: %s", setup.report, strerror(-opened));
	} else {
		launch(&r);
		while (r.over == RUNNING && loop_run(r.loop) == 0)
			;
		if (r.over == OVER_HUNG || r.over == OVER_PANIC)
			examine(&r);
		vm_stop(&r.vm);
		if (!r.judge.finished)
			conclude(&r);
		/* A verdict without its report does not count. */
		status = r.report_failed ? VERDICT_NOT_RUN : r.judge.verdict;
		if (r.judge.verdict == VERDICT_NOT_RUN)
			log_err(LOG_NAME, "%s",
				r.judge.reason ? r.judge.reason : "the machine could not be run");
	}
	if (r.vm.loop)
		vm_close(&r.vm);
	close_run(&r);
	setup_free(&setup);
	return status;
}
