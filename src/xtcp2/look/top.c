/* SPDX-License-Identifier: MIT */
/* xtcp2 top: the sockets live. Exit status: 0 ended as asked, 1 nothing could be read or written, 2 bad usage. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/loop.h"
#include "filter/filter.h"
#include "look/look.h"
#include "look/output.h"
#include "look/reader.h"
#include "record/states.h"
#include "view/live.h"

#define PROGRAM "xtcp2 top"

/* The clock on the screen goes on between polls. */
#define REFRESH_NS NS_PER_SEC

static struct output_options output = {.format = "auto",
				       .columns = "",
				       .sort = "send_rate",
				       .group = "",
				       .usual = top_columns,
				       .usual_order = top_order,
				       .hide = top_hide_listeners,
				       .always_columns = true};
static int64_t interval = 2 * NS_PER_SEC;
static uint32_t count;
static bool kernel = true;
static const char *directories = "/run/netns,/run/docker/netns", *docker_socket = "/run/docker.sock";

static const struct flag flags[] = {
    OUTPUT_FLAGS(output),
    {"interval", FLAG_DURATION, &interval, "read the sockets this often"},
    {"count", FLAG_U32, &count, "end after reading them this many times; 0 goes on"},
    {"kernelFilter", FLAG_BOOL, &kernel, "let the kernel leave out what the filter does not take"},
    {"netnsDirs", FLAG_FILE, &directories, "directories where namespaces are bind-mounted, comma-separated"},
    {"dockerSocket", FLAG_FILE, &docker_socket,
     "UNIX socket of the Docker or Podman API, for names of containers; empty for none"},
    {0},
};

struct look {
	struct loop *loop;
	struct loop_watch timer, signals;
	struct reader *reader;
	struct output *output;
	struct live *live; /* NULL where stdin or stdout is no terminal, or another format is asked for */
	uint32_t polls;
	int status;
};

static void end(void *data, int status)
{
	struct look *k = data;

	k->status = status;
	loop_stop(k->loop);
}

static int take(void *data, struct record *record)
{
	return output_record(data, record);
}

static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct look *k = w->data;

	loop_timer_read(w);
	output_begin(k->output);
	int failed = reader_poll(k->reader, take, k->output);
	if (k->live) {
		top_end(output_top(k->output));
		live_draw(k->live);
	} else if (!output_end(k->output)) {
		end(k, 1);
	}
	if (failed < 0)
		end(k, 1);
	else if (count && ++k->polls >= count)
		end(k, 0);
}

static void on_signal(struct loop_watch *w, uint32_t events)
{
	if (loop_signals_read(w))
		end(w->data, 0);
}

/* The terminal is entered before the first poll, which it says it waits for. */
static int watch(struct look *k)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
	const struct live_options options = {
	    .loop = k->loop, .top = output_top(k->output), .refresh_ns = REFRESH_NS, .end = end, .data = k};
	bool live = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !output.json &&
		    strcmp(output.format, "auto") == 0;

	k->timer = (struct loop_watch){.fd = -1, .name = "poll", .fn = on_timer, .data = k};
	k->signals = (struct loop_watch){.fd = -1, .name = "signals", .fn = on_signal, .data = k};
	int r = loop_timer_open(k->loop, &k->timer);
	if (r == 0)
		r = loop_timer_set(&k->timer, 1, interval);
	if (r < 0 || !live)
		return r < 0 ? r : loop_signals_open(k->loop, &k->signals, signals);
	k->live = live_new(&options);
	return k->live ? 0 : -1;
}

static int run(struct look *k, const struct reader_options *options)
{
	k->reader = reader_new(options);
	k->loop = loop_new();
	if (!k->reader || !k->loop || watch(k) < 0)
		return 1;
	loop_run(k->loop);
	return k->status;
}

static void look_free(struct look *k)
{
	live_free(k->live);
	if (k->loop) {
		loop_timer_close(k->loop, &k->timer);
		loop_signals_close(k->loop, &k->signals);
	}
	loop_free(k->loop);
	output_free(k->output);
	reader_free(k->reader);
}

static int look(const char *filter)
{
	struct reader_options options = {.program = PROGRAM,
					 .filter = filter,
					 .directories = directories,
					 .docker = docker_socket,
					 .kernel = kernel};
	struct look k = {.timer.fd = -1, .signals.fd = -1};
	char error[512];

	tcp_states_parse("default", &options.states, error, sizeof(error));
	k.output = output_new(&output, PROGRAM, error, sizeof(error));
	if (!k.output) {
		fprintf(stderr, PROGRAM ": %s\n", error);
		return 2;
	}
	int status = run(&k, &options);
	look_free(&k);
	return status;
}

int look_top(int argc, char **argv)
{
	_cleanup_buf_ struct buf words = {0};
	char error[512] = "";

	argv[0] = PROGRAM;
	flags_parse_words(flags, argc, argv,
			  "shows the TCP sockets of all network namespaces of this host, live", "[FILTER]",
			  &words);
	const char *text = words.len ? buf_cstr(&words) : "";
	struct filter *filter = filter_new(text, error, sizeof(error));
	/* Who asks for states gets them. */
	if (filter_names_states(filter))
		output.hide = NULL;
	filter_free(filter);
	if (*error || interval <= 0) {
		fprintf(stderr, PROGRAM ": %s%s\n", *error ? "filter: " : "",
			*error ? error : "-interval must be longer than 0");
		return 2;
	}
	return look(text);
}
