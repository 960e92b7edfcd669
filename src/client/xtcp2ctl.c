/* SPDX-License-Identifier: MIT */
/*
 * xtcp2ctl: shows and changes a running daemon's configuration, over gRPC.
 * Exit status: 0 done, 1 no daemon, or it refused, 2 bad usage.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/flags.h"
#include "base/input.h"
#include "base/standard_fds.h"
#include "base/suggest.h"
#include "client/config_json.h"
#include "client/grpc_target.h"
#include "control/message.h"

#define SERVICE "/xtcp_config.v1.ConfigService/"

/* The address of the daemon: flags of every subcommand. */
static struct grpc_target target = GRPC_TARGET_INIT;
static int64_t patience = 10 * NS_PER_SEC;

/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define COMMON_FLAGS                                                                   \
	GRPC_TARGET_FLAGS(target), \
	{"wait", FLAG_DURATION, &patience, "give the daemon this long to answer"}, {0}
/* clang-format on */

/* One blocking call */

struct rpc {
	struct grpc_client_call call;
	struct loop *loop;
	struct loop_watch timer;
	const ProtobufCMessageDescriptor *expected;
	ProtobufCMessage *response; /* freed by rpc_free() */
	bool timed_out;
	char peer[GRPC_PEER_NAME_MAX];
};

static void on_message(struct grpc_client_call *call, struct str message)
{
	struct rpc *x = call->data;

	if (!x->response)
		x->response =
		    protobuf_c_message_unpack(x->expected, NULL, message.len, (const uint8_t *)message.p);
}

static void on_done(struct grpc_client_call *call)
{
	loop_stop(((struct rpc *)call->data)->loop);
}

/* The server ends a call at its deadline; this timer ends it if the server fails to. */
static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct rpc *x = w->data;

	loop_timer_read(w);
	x->timed_out = true;
	loop_stop(x->loop);
}

static void complain(const struct rpc *x, const char *method)
{
	char text[DURATION_TEXT_MAX];

	if (x->timed_out || x->call.code == GRPC_DEADLINE_EXCEEDED)
		fprintf(stderr, "xtcp2ctl: no answer from %s within %s\n", x->peer,
			duration_format(patience, text));
	else if (x->call.code == GRPC_UNIMPLEMENTED && strstr(x->call.text, "no service"))
		fprintf(stderr, "xtcp2ctl: the gRPC server on %s is not xtcp2: %s\n", x->peer, x->call.text);
	else if (x->call.code == GRPC_OK)
		fprintf(stderr, "xtcp2ctl: %s: the answer could not be read\n", method);
	else if (x->call.code == GRPC_PERMISSION_DENIED || x->call.code == GRPC_UNAUTHENTICATED)
		fprintf(stderr, "xtcp2ctl: %s over %s is refused: %s (%s)\n", method, x->peer, x->call.text,
			grpc_code_name(x->call.code));
	else
		fprintf(stderr, "xtcp2ctl: %s: %s (%s)\n", method, x->call.text,
			grpc_code_name(x->call.code));
}

static int rpc_run(struct rpc *x, struct grpc_client *client, const ProtobufCMessage *request)
{
	int r = loop_timer_open(x->loop, &x->timer);

	if (r == 0)
		r = loop_timer_set(&x->timer, patience + NS_PER_SEC, 0);
	if (r == 0)
		r = grpc_client_start(client, &x->call);
	if (r == 0)
		r = grpc_client_send(&x->call, request, true);
	if (r == 0)
		r = loop_run(x->loop);
	loop_timer_close(x->loop, &x->timer);
	return r;
}

/*
 * Call the method and wait. *response is the unpacked answer, owned by the caller.
 * Return 0, or an exit status with the reason on stderr.
 */
static int invoke(const char *method, const ProtobufCMessage *request,
		  const ProtobufCMessageDescriptor *expected, void *response)
{
	char path[128], error[512];

	if (grpc_target_check(&target, error, sizeof(error)) < 0) {
		fprintf(stderr, "xtcp2ctl: %s\n", error);
		return 2;
	}
	struct rpc x = {.expected = expected, .loop = loop_new()};
	struct grpc_client *client =
	    x.loop ? grpc_target_client(x.loop, &target, error, sizeof(error)) : NULL;

	if (!client) {
		fprintf(stderr, "xtcp2ctl: %s\n", x.loop ? error : "no event loop");
		loop_free(x.loop);
		return 1;
	}
	snprintf(path, sizeof(path), SERVICE "%s", method);
	snprintf(x.peer, sizeof(x.peer), "%s", grpc_client_peer(client));
	x.call = (struct grpc_client_call){
	    .path = path, .timeout_ns = patience, .data = &x, .message = on_message, .done = on_done};
	x.timer = (struct loop_watch){.fd = -1, .name = "patience", .fn = on_timer, .data = &x};
	int r = rpc_run(&x, client, request);
	grpc_client_free(client);
	loop_free(x.loop);
	if (r == 0 && !x.timed_out && x.call.code == GRPC_OK && x.response) {
		*(ProtobufCMessage **)response = x.response;
		return 0;
	}
	if (x.response)
		protobuf_c_message_free_unpacked(x.response, NULL);
	complain(&x, method);
	return 1;
}

static void message_freep(void *p)
{
	ProtobufCMessage *message = *(ProtobufCMessage **)p;

	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

/* Subcommands */

static int print_config(const XtcpConfig__V1__XtcpConfig *config)
{
	_cleanup_buf_ struct buf text = {0};

	if (!config) {
		fprintf(stderr, "xtcp2ctl: the answer has no configuration in it\n");
		return 1;
	}
	config_message_to_json(config, &text);
	return standard_output(&text);
}

static int get_config(XtcpConfig__V1__GetResponse **response)
{
	XtcpConfig__V1__GetRequest request = XTCP_CONFIG__V1__GET_REQUEST__INIT;

	return invoke("Get", &request.base, &xtcp_config__v1__get_response__descriptor, response);
}

static int do_get(int argc, char **argv)
{
	static const struct flag flags[] = {COMMON_FLAGS};
	_cleanup_(message_freep) XtcpConfig__V1__GetResponse *response = NULL;

	flags_parse(flags, argc, argv, "prints the configuration in force as JSON, without credentials");
	int r = get_config(&response);
	return r ? r : print_config(response->config);
}

static int do_set_poll_frequency(int argc, char **argv)
{
	static int64_t frequency, timeout;
	static const struct flag flags[] = {
	    {"frequency", FLAG_DURATION, &frequency, "poll this often; 0 leaves it"},
	    {"timeout", FLAG_DURATION, &timeout, "cut a poll that takes longer; 0 leaves it"},
	    COMMON_FLAGS};
	XtcpConfig__V1__SetPollFrequencyRequest request = XTCP_CONFIG__V1__SET_POLL_FREQUENCY_REQUEST__INIT;
	_cleanup_(message_freep) XtcpConfig__V1__SetPollFrequencyResponse *response = NULL;

	flags_parse(flags, argc, argv, "changes how often the daemon polls, from the next poll on");
	if (frequency == 0 && timeout == 0) {
		fprintf(stderr, "xtcp2ctl: set-poll-frequency wants -frequency, -timeout or both\n");
		return 2;
	}
	Google__Protobuf__Duration durations[] = {duration_to_message(frequency),
						  duration_to_message(timeout)};
	request.poll_frequency = frequency ? &durations[0] : NULL;
	request.poll_timeout = timeout ? &durations[1] : NULL;
	int r = invoke("SetPollFrequency", &request.base,
		       &xtcp_config__v1__set_poll_frequency_response__descriptor, &response);
	return r ? r : print_config(response->config);
}

static int do_trigger_poll(int argc, char **argv)
{
	static const struct flag flags[] = {COMMON_FLAGS};
	XtcpConfig__V1__TriggerPollRequest request = XTCP_CONFIG__V1__TRIGGER_POLL_REQUEST__INIT;
	_cleanup_(message_freep) XtcpConfig__V1__TriggerPollResponse *response = NULL;

	flags_parse(flags, argc, argv, "polls once, now");
	return invoke("TriggerPoll", &request.base, &xtcp_config__v1__trigger_poll_response__descriptor,
		      &response);
}

static int do_poll_burst(int argc, char **argv)
{
	static uint32_t count = 6;
	static int64_t interval = 10 * NS_PER_SEC;
	static const struct flag flags[] = {
	    {"count", FLAG_U32, &count, "how many polls, 1 to 1000"},
	    {"interval", FLAG_DURATION, &interval, "time between two; longer than the poll time-out"},
	    COMMON_FLAGS};
	XtcpConfig__V1__TriggerPollBurstRequest request = XTCP_CONFIG__V1__TRIGGER_POLL_BURST_REQUEST__INIT;
	_cleanup_(message_freep) XtcpConfig__V1__TriggerPollBurstResponse *response = NULL;
	char text[DURATION_TEXT_MAX];

	flags_parse(flags, argc, argv, "polls several times, beside the regular polls");
	Google__Protobuf__Duration duration = duration_to_message(interval);
	request.count = count;
	request.interval = &duration;
	int r = invoke("TriggerPollBurst", &request.base,
		       &xtcp_config__v1__trigger_poll_burst_response__descriptor, &response);
	if (r)
		return r;
	printf("%u polls, one every %s\n", response->count, duration_format(interval, text));
	return 0;
}

static int do_set_s3(int argc, char **argv)
{
	static int64_t interval;
	static uint32_t bytes;
	static const struct flag flags[] = {
	    {"flushInterval", FLAG_DURATION, &interval, "upload at least this often"},
	    {"thresholdBytes", FLAG_U32, &bytes, "upload at this many bytes"},
	    COMMON_FLAGS};
	XtcpConfig__V1__SetS3UploadRequest request = XTCP_CONFIG__V1__SET_S3_UPLOAD_REQUEST__INIT;
	_cleanup_(message_freep) XtcpConfig__V1__SetS3UploadResponse *response = NULL;

	flags_parse(flags, argc, argv, "changes the uploads of the S3 destination");
	Google__Protobuf__Duration duration = duration_to_message(interval);
	request.s3_flush_interval = interval ? &duration : NULL;
	request.s3_parquet_flush_threshold_bytes = bytes;
	int r = invoke("SetS3Upload", &request.base, &xtcp_config__v1__set_s3_upload_response__descriptor,
		       &response);
	return r ? r : print_config(response->config);
}

static int do_reconfigure(int argc, char **argv)
{
	static const char *file = "";
	static const struct flag flags[] = {
	    {"file", FLAG_FILE, &file, "JSON as get or xtcp2 -conf prints it, whole or in part; - for stdin"},
	    COMMON_FLAGS};
	XtcpConfig__V1__SetRequest request = XTCP_CONFIG__V1__SET_REQUEST__INIT;
	_cleanup_(message_freep) XtcpConfig__V1__GetResponse *current = NULL;
	_cleanup_(message_freep) XtcpConfig__V1__SetResponse *response = NULL;
	_cleanup_buf_ struct buf json = {0}, ignored = {0};
	char error[512];

	flags_parse(flags, argc, argv,
		    "gives the daemon a new configuration: it starts over in place with it");
	if (!*file) {
		fprintf(stderr, "xtcp2ctl: reconfigure wants -file\n");
		return 2;
	}
	int r = input_read(file, &json);
	if (r < 0) {
		fprintf(stderr, "xtcp2ctl: -file %s: %s\n", file, input_strerror(-r));
		return 2;
	}
	r = get_config(&current);
	if (r)
		return r;
	if (!current->config || config_message_from_json(current->config, (char *)json.data, json.len,
							 &ignored, error, sizeof(error)) < 0) {
		fprintf(stderr, "xtcp2ctl: -file %s: %s\n", file,
			current->config ? error : "the daemon told no configuration");
		return 2;
	}
	if (ignored.len)
		fprintf(stderr, "xtcp2ctl: only settable when the daemon starts, left as they are: %s\n",
			buf_cstr(&ignored));
	request.config = current->config;
	r = invoke("Set", &request.base, &xtcp_config__v1__set_response__descriptor, &response);
	return r ? r : print_config(response->config);
}

static int do_version(int argc, char **argv)
{
	return flags_print_version("xtcp2ctl");
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
    {"get", do_get, "print the configuration in force"},
    {"set-poll-frequency", do_set_poll_frequency, "change -frequency and -timeout, at once"},
    {"trigger-poll", do_trigger_poll, "poll once, now"},
    {"poll-burst", do_poll_burst, "poll -count times, one every -interval"},
    {"set-s3", do_set_s3, "change the uploads of the S3 destination"},
    {"reconfigure", do_reconfigure, "start over in place with the configuration in -file"},
    {"version", do_version, "print the version"},
};

static int usage(FILE *out, int status)
{
	fprintf(
	    out,
	    "xtcp2ctl: controls a running xtcp2 over gRPC\n\nUsage: xtcp2ctl COMMAND [FLAGS]\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-20s %s\n", commands[i].name, commands[i].help);
	fprintf(
	    out,
	    "\n\"xtcp2ctl COMMAND -help\" lists the flags of one; -socket, -target and -port say where the "
	    "daemon is.\n");
	return status;
}

int main(int argc, char **argv)
{
	char name[64];
	const char *command = argc > 1 ? argv[1] : "";

	standard_fds_fill();
	signal(SIGPIPE, SIG_IGN); /* a daemon that hangs up is an error to report */

	if (strcmp(command, "help") == 0 || flags_wants_help(command))
		return usage(stdout, 0);
	if (flags_wants_version(command))
		return flags_print_version(argv[0]);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, command) != 0)
			continue;
		snprintf(name, sizeof(name), "xtcp2ctl %s", command);
		argv[1] = name;
		return commands[i].run(argc - 1, argv + 1);
	}
	if (!*command)
		return usage(stderr, 2);
	fprintf(stderr, "xtcp2ctl: no command \"%s\"; possible:", command);
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];
	suggest_begin(&s, command, strlen(command));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fprintf(stderr, " %s", commands[i].name);
		suggest_offer(&s, commands[i].name);
	}
	fprintf(stderr, "%s\n", suggest_text(&s, near));
	return 2;
}
