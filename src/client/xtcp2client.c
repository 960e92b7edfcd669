/* SPDX-License-Identifier: MIT */
/*
 * xtcp2client: live records of a running daemon, over gRPC. Receives the records of
 * the daemon's polls, or with -poll requests polls itself, and writes them to stdout
 * or shows them as a live table.
 * Exit status: 0 ended as requested, 1 no daemon, or it ended the call, 2 bad usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/protowire.h"
#include "client/grpc_target.h"
#include "control/trailer.h"
#include "filter/filter.h"
#include "record/encoder.h"
#include "record/wire_decode.h"
#include "view/live.h"
#include "xtcp_flat_record/v1/xtcp_flat_record.pb-c.h"

#define SERVICE	    "/xtcp_flat_record.v1.XTCPFlatRecordService/"
#define WORKERS_MAX 64
#define OUT_BYTES   65536 /* output is written in pieces of about this size */

enum output { OUTPUT_ENCODER, OUTPUT_NULL, OUTPUT_TOP };

static const struct {
	const char *name;
	enum output output;
	const char *marshal; /* of the encoder */
} formats[] = {
    {"json", OUTPUT_ENCODER, "jsonl"},	  {"csv", OUTPUT_ENCODER, "csv"}, {"tsv", OUTPUT_ENCODER, "tsv"},
    {"humanize", OUTPUT_ENCODER, "text"}, {"null", OUTPUT_NULL, NULL},	  {"top", OUTPUT_TOP, NULL},
};

static struct grpc_target target = GRPC_TARGET_INIT;
static const char *format = "json", *columns = "", *sort = "send_rate", *group = "", *filter = "";
static uint32_t workers = 1, debug, count;
static int64_t poll_frequency = 10 * NS_PER_SEC, refresh = NS_PER_SEC;
static bool poll_mode, as_json;

static const struct flag flags[] = {
    GRPC_TARGET_FLAGS(target),
    {"poll", FLAG_BOOL, &poll_mode, "ask for polls instead of listening to those the daemon makes"},
    {"pollFrequency", FLAG_DURATION, &poll_frequency, "with -poll: ask this often"},
    {"workers", FLAG_U32, &workers, "connections side by side, each with all records (for load tests)"},
    {"format", FLAG_CHOICE, &format, "null only counts, top is a live table",
     "json|csv|tsv|humanize|null|top"},
    {"json", FLAG_BOOL, &as_json, "the same as -format json"},
    {"columns", FLAG_COLUMNS, &columns,
     "fields of csv, tsv, humanize and top, comma-separated; empty for the usual"},
    {"filter", FLAG_STRING, &filter,
     "records to ask for, as in ss: dport = :443 and not src 10.0.0.0/8; empty for all"},
    {"sort", FLAG_COLUMNS, &sort, "with -format top: the column to sort by"},
    {"group", FLAG_STRING, &group, "with -format top: one row per remote, container, process or netns"},
    {"refresh", FLAG_DURATION, &refresh, "with -format top: draw this often"},
    {"count", FLAG_U32, &count, "end after this many records; 0 goes on"},
    {"d", FLAG_LEVEL, &debug, "log level: error, warning, notice, info or debug, or its number, 3 to 7"},
    {0},
};

struct app {
	struct loop *loop;
	enum output output;
	struct encoder encoder;
	struct top *top;
	struct buf out;
	struct live *live; /* of top */
	struct loop_watch signals, asker;
	bool ended;
	int status;
	uint64_t records, damaged;
	struct stream {
		struct app *app;
		struct grpc_client *client;
		struct grpc_client_call call;
		bool open;
	} streams[WORKERS_MAX];
};

static void app_end(struct app *app, int status)
{
	app->ended = true;
	app->status = status;
	loop_stop(app->loop);
}

static void live_ended(void *data, int status)
{
	app_end(data, status);
}

static void on_signal(struct loop_watch *w, uint32_t events)
{
	if (loop_signals_read(w))
		app_end(w->data, 0);
}

/* Write the collected output. If its reader has ended (head, less), end normally. */
static void flush(struct app *app)
{
	size_t done = 0;

	while (done < app->out.len) {
		ssize_t n = write(STDOUT_FILENO, app->out.data + done, app->out.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EPIPE)
				fprintf(stderr, "xtcp2client: stdout: %s\n", strerror(errno));
			app_end(app, errno == EPIPE ? 0 : 1);
			break;
		}
		done += (size_t)n;
	}
	buf_reset(&app->out);
}

/* Records come */

static void take_record(struct app *app, struct str wire)
{
	struct record r;

	app->records++;
	if (app->output == OUTPUT_TOP) {
		top_take(app->top, wire);
	} else if (app->output == OUTPUT_ENCODER) {
		if (wire_decode(&r, wire) < 0) {
			app->damaged++;
			return;
		}
		app->encoder.ops->begin(&app->encoder, &app->out);
		app->encoder.ops->row(&app->encoder, &app->out, &r);
		app->encoder.ops->end(&app->encoder, &app->out);
		if (app->out.len >= OUT_BYTES)
			flush(app);
	}
}

/* Both responses carry the record in field 1. */
static void on_message(struct grpc_client_call *call, struct str message)
{
	struct app *app = ((struct stream *)call->data)->app;
	struct protowire reader = protowire_of(message);
	struct protowire_field f;

	while (!app->ended && protowire_next(&reader, &f)) {
		if (f.number != 1 || f.type != PROTOWIRE_LEN)
			continue;
		take_record(app, f.bytes);
		if (count && app->records >= count)
			app_end(app, 0);
	}
	if (reader.bad)
		app->damaged++;
}

static void on_idle(void *data)
{
	struct app *app = data;

	if (app->output == OUTPUT_ENCODER)
		flush(app);
}

static void say_end(const struct grpc_client_call *call)
{
	if (call->code == GRPC_UNIMPLEMENTED && strstr(call->text, "no service"))
		fprintf(stderr, "xtcp2client: the gRPC server on %s is not xtcp2: %s\n",
			grpc_client_peer(call->client), call->text);
	else if (call->code == GRPC_PERMISSION_DENIED || call->code == GRPC_UNAUTHENTICATED)
		fprintf(stderr, "xtcp2client: %s refuses: %s (%s)\n", grpc_client_peer(call->client),
			call->text, grpc_code_name(call->code));
	else
		fprintf(stderr, "xtcp2client: the daemon ended the call: %s (%s)\n", call->text,
			grpc_code_name(call->code));
}

static void on_done(struct grpc_client_call *call)
{
	struct stream *s = call->data;

	s->open = false;
	if (s->app->ended)
		return;
	/* What is said now must not go with the screen. */
	live_free(s->app->live);
	s->app->live = NULL;
	if (*call->trailer_value && strcmp(call->trailer_value, "0") != 0)
		fprintf(stderr, "xtcp2client: missed %s records: they came faster than they were read\n",
			call->trailer_value);
	if (call->code == GRPC_UNAVAILABLE && !call->status_seen)
		fprintf(stderr, "xtcp2client: %s\n", call->text);
	else
		say_end(call);
	app_end(s->app, call->code == GRPC_OK ? 0 : 1);
}

/* Request a poll on every stream. */
static void ask(struct app *app)
{
	XtcpFlatRecord__V1__PollFlatRecordsRequest request =
	    XTCP_FLAT_RECORD__V1__POLL_FLAT_RECORDS_REQUEST__INIT;

	request.filter = (char *)filter;
	for (uint32_t i = 0; i < workers; i++) {
		if (app->streams[i].open)
			grpc_client_send(&app->streams[i].call, &request.base, false);
	}
}

static void on_ask(struct loop_watch *w, uint32_t events)
{
	loop_timer_read(w);
	ask(w->data);
}

static int stream_open(struct app *app, struct stream *s, char *error, size_t size)
{
	XtcpFlatRecord__V1__FlatRecordsRequest request = XTCP_FLAT_RECORD__V1__FLAT_RECORDS_REQUEST__INIT;

	request.filter = (char *)filter;
	s->app = app;
	s->client = grpc_target_client(app->loop, &target, error, size);
	if (!s->client)
		return -ENOTCONN;
	grpc_client_on_idle(s->client, on_idle, app);
	s->call = (struct grpc_client_call){
	    .path = poll_mode ? SERVICE "PollFlatRecords" : SERVICE "FlatRecords",
	    .trailer = RECORD_MISSED_TRAILER,
	    .data = s,
	    .message = on_message,
	    .done = on_done,
	};
	int r = grpc_client_start(s->client, &s->call);
	if (r == 0 && !poll_mode)
		r = grpc_client_send(&s->call, &request.base, true);
	if (r < 0)
		snprintf(error, size, "cannot begin the call: %s", strerror(-r));
	s->open = r == 0;
	return r;
}

/* Begin and end */

static int output_setup(struct app *app, char *error, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strcmp(formats[i].name, format) != 0)
			continue;
		app->output = formats[i].output;
		if (app->output == OUTPUT_TOP) {
			const struct top_options options = {.columns = columns,
							    .usual = top_columns,
							    .usual_order = top_order,
							    .sort = sort,
							    .group = group,
							    .what = "xtcp2client"};
			app->top = top_new(&options, error, size);
			return app->top ? 0 : -EINVAL;
		}
		if (app->output == OUTPUT_NULL)
			return 0;
		bool chosen = strcmp(format, "json") != 0;
		char why[480];
		int r =
		    encoder_init(&app->encoder, formats[i].marshal, chosen ? columns : "", why, sizeof(why));
		if (r < 0)
			snprintf(error, size, "-%s: %s", encoder_refused(&app->encoder), why);
		return r;
	}
	return -EINVAL; /* not reached: the flag's words are those of the table */
}

static int watches_open(struct app *app)
{
	static const int signals[] = {SIGINT, SIGTERM, 0};

	app->signals = (struct loop_watch){.fd = -1, .name = "signals", .fn = on_signal, .data = app};
	app->asker = (struct loop_watch){.fd = -1, .name = "ask", .fn = on_ask, .data = app};
	/* The table takes signals itself. */
	int r = app->top ? 0 : loop_signals_open(app->loop, &app->signals, signals);
	if (r == 0)
		r = loop_timer_open(app->loop, &app->asker);
	return r;
}

static void app_free(struct app *app)
{
	app->ended = true;
	for (uint32_t i = 0; i < workers; i++)
		grpc_client_free(app->streams[i].client);
	loop_timer_close(app->loop, &app->asker);
	loop_signals_close(app->loop, &app->signals);
	live_free(app->live);
	loop_free(app->loop);
	encoder_free(&app->encoder);
	top_free(app->top);
	buf_free(&app->out);
}

/* Append "src A and dst B" of two ends of a connection. */
static void ends(struct buf *b, const char *source, const char *destination)
{
	buf_printf(b, " or (src %s and dst %s)", source, destination);
}

/* "10.0.0.1:8889", "[::1]:8889"; "" for a UNIX socket. */
static void end_text(const struct sockaddr_storage *address, char *text, size_t size)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	char host[INET6_ADDRSTRLEN];

	*text = '\0';
	if (address->ss_family == AF_INET)
		snprintf(text, size, "%s:%u", inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host)),
			 ntohs(four->sin_port));
	else if (address->ss_family == AF_INET6)
		snprintf(text, size, "[%s]:%u", inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host)),
			 ntohs(six->sin6_port));
}

/* Listeners, and both ends of the connection to the daemon, which brings a record for each record. */
static void hide(struct app *app)
{
	struct sockaddr_storage own = {0}, peer = {0};
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);
	char here[INET6_ADDRSTRLEN + 10], there[INET6_ADDRSTRLEN + 10];
	int fd = grpc_client_fd(app->streams[0].client);
	_cleanup_buf_ struct buf b = {0};

	buf_str(&b, top_hide_listeners);
	if (getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0) {
		end_text(&own, here, sizeof(here));
		end_text(&peer, there, sizeof(there));
		if (*here && *there) {
			ends(&b, here, there);
			ends(&b, there, here);
		}
	}
	if (buf_cstr(&b))
		top_hide(app->top, buf_cstr(&b));
}

static int live_start(struct app *app)
{
	const struct live_options options = {
	    .loop = app->loop, .top = app->top, .refresh_ns = refresh, .end = live_ended, .data = app};

	hide(app);
	app->live = live_new(&options);
	if (!app->live)
		fprintf(stderr, "xtcp2client: the table cannot start: %s\n", strerror(errno));
	return app->live ? 0 : -1;
}

static int run(struct app *app)
{
	char error[512] = "cannot watch signals";
	int r = watches_open(app);

	for (uint32_t i = 0; i < workers && r == 0; i++)
		r = stream_open(app, &app->streams[i], error, sizeof(error));
	if (r < 0) {
		fprintf(stderr, "xtcp2client: %s\n", error);
		return 1;
	}
	if (poll_mode) {
		ask(app);
		loop_timer_set(&app->asker, poll_frequency, poll_frequency);
	}
	if (app->top && live_start(app) < 0)
		return 1;
	loop_run(app->loop);
	if (app->output == OUTPUT_ENCODER)
		flush(app);
	live_free(app->live);
	app->live = NULL;
	if (app->output == OUTPUT_NULL)
		printf("%" PRIu64 " records\n", app->records);
	if (app->damaged)
		fprintf(stderr, "xtcp2client: %" PRIu64 " messages could not be read\n", app->damaged);
	return app->status;
}

/* A wrong filter is told before the daemon is asked. Leaves an error that is there already. */
static void check_filter(char *error, size_t size)
{
	char reason[400];

	filter_free(filter_new(filter, reason, sizeof(reason)));
	if (*reason && !*error)
		snprintf(error, size, "-filter: %s", reason);
}

int main(int argc, char **argv)
{
	struct app app = {0};
	char error[512] = "";

	flags_parse(flags, argc, argv, "live TCP socket records of a running xtcp2");
	log_init(debug ? (enum log_level)debug : LOG_LEVEL_WARN);
	if (as_json)
		format = "json";
	if (grpc_target_check(&target, error, sizeof(error)) < 0)
		;
	else if (workers < 1 || workers > WORKERS_MAX)
		snprintf(error, sizeof(error), "-workers %u: must be between 1 and %d", workers, WORKERS_MAX);
	else if (poll_frequency <= 0 || refresh <= 0)
		snprintf(error, sizeof(error), "-pollFrequency and -refresh must be longer than 0");
	else
		output_setup(&app, error, sizeof(error));
	check_filter(error, sizeof(error));
	if (*error) {
		fprintf(stderr, "xtcp2client: %s\n", error);
		return 2;
	}
	app.loop = loop_new();
	if (!app.loop) {
		perror("xtcp2client");
		return 1;
	}
	int r = run(&app);
	app_free(&app);
	return r;
}
