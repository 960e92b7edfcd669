/* SPDX-License-Identifier: MIT */
#include "api/config_service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/config_message.h"
#include "base/cleanup.h"
#include "base/duration.h"
#include "control/message.h"

/* Fields of XtcpConfig that SetPollFrequency sets; its request uses the same numbers. */
#define FIELD_POLL_FREQUENCY	20
#define FIELD_POLL_TIMEOUT	30
#define FIELD_S3_FLUSH_INTERVAL 222
/* Bytes for one sentence about a bad value. */
#define ERROR_MAX		600

static const struct grpc_backend *backend_of(const struct grpc_call *call)
{
	return call->service;
}

static void config_deletep(struct config **c)
{
	config_delete(*c);
}

/* The three responses with a configuration hold it in field 1, at the same offset of the struct. */
typedef XtcpConfig__V1__GetResponse config_response_t;
static_assert(offsetof(XtcpConfig__V1__SetResponse, config) == offsetof(config_response_t, config) &&
		  offsetof(XtcpConfig__V1__SetPollFrequencyResponse, config) ==
		      offsetof(config_response_t, config),
	      "responses that carry a configuration differ");

static void reply_config(struct grpc_call *call, const struct config *c)
{
	config_response_t response = XTCP_CONFIG__V1__GET_RESPONSE__INIT;

	response.config = call->access >= ACCESS_ADMIN ? config_to_message(c) : config_to_reader_message(c);
	if (!response.config) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the response");
		return;
	}
	grpc_reply(call, &response.base);
	xtcp_config__v1__xtcp_config__free_unpacked(response.config, NULL);
}

static void get(struct grpc_call *call, const ProtobufCMessage *message)
{
	const struct grpc_backend *b = backend_of(call);

	reply_config(call, b->config(b->data));
}

static void set_poll_frequency(struct grpc_call *call, const ProtobufCMessage *message)
{
	const XtcpConfig__V1__SetPollFrequencyRequest *request = (const void *)message;
	const struct grpc_backend *b = backend_of(call);
	_cleanup_(config_deletep) struct config *c = config_clone(b->config(b->data));
	char error[ERROR_MAX];

	if (!c) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the configuration");
		return;
	}
	if (!request->poll_frequency && !request->poll_timeout) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT,
			    "poll_frequency: neither it nor poll_timeout is given");
		return;
	}
	if ((request->poll_frequency && config_set_duration(c, FIELD_POLL_FREQUENCY, request->poll_frequency,
							    error, sizeof(error)) < 0) ||
	    (request->poll_timeout &&
	     config_set_duration(c, FIELD_POLL_TIMEOUT, request->poll_timeout, error, sizeof(error)) < 0)) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "%s", error);
		return;
	}
	if (c->frequency_ns <= c->timeout_ns) {
		char frequency[DURATION_TEXT_MAX], timeout[DURATION_TEXT_MAX];
		grpc_finish(
		    call, GRPC_INVALID_ARGUMENT, "poll_frequency: %s must be longer than poll_timeout %s",
		    duration_format(c->frequency_ns, frequency), duration_format(c->timeout_ns, timeout));
		return;
	}
	int r = b->set_frequency(b->data, c->frequency_ns, c->timeout_ns);
	if (r < 0)
		grpc_finish(call, GRPC_INTERNAL, "cannot set the poll frequency: %s", strerror(-r));
	else
		reply_config(call, b->config(b->data));
}

static void trigger_poll(struct grpc_call *call, const ProtobufCMessage *message)
{
	XtcpConfig__V1__TriggerPollResponse response = XTCP_CONFIG__V1__TRIGGER_POLL_RESPONSE__INIT;
	const struct grpc_backend *b = backend_of(call);

	if (!grpc_costly(call, "polls"))
		return;
	int r = b->trigger(b->data);

	/* -EBUSY: a cycle runs; the requested one follows it. */
	if (r < 0 && r != -EBUSY)
		grpc_finish(call, GRPC_UNAVAILABLE, "cannot poll: %s", strerror(-r));
	else
		grpc_reply(call, &response.base);
}

static void trigger_poll_burst(struct grpc_call *call, const ProtobufCMessage *message)
{
	const XtcpConfig__V1__TriggerPollBurstRequest *request = (const void *)message;
	XtcpConfig__V1__TriggerPollBurstResponse response =
	    XTCP_CONFIG__V1__TRIGGER_POLL_BURST_RESPONSE__INIT;
	const struct grpc_backend *b = backend_of(call);
	int64_t interval, timeout = b->config(b->data)->timeout_ns;
	char text[DURATION_TEXT_MAX];

	if (request->count < 1 || request->count > BURST_COUNT_MAX) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "count: %" PRIu32 " is not within 1 and %d",
			    request->count, BURST_COUNT_MAX);
		return;
	}
	if (!request->interval || duration_from_message(request->interval, &interval) < 0 ||
	    interval <= timeout) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT,
			    "interval: it must be longer than poll_timeout, which is %s",
			    duration_format(timeout, text));
		return;
	}
	if (!grpc_costly(call, "polls"))
		return;
	int r = b->burst(b->data, request->count, interval);
	if (r == -EBUSY) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED,
			    "a burst of polls is running; try again when it has ended");
		return;
	}
	if (r < 0) {
		grpc_finish(call, GRPC_INTERNAL, "cannot begin a burst: %s", strerror(-r));
		return;
	}
	response.count = request->count;
	response.interval = request->interval;
	grpc_reply(call, &response.base);
}

/* A call of Set whose configuration is being tried. */
struct set_attempt {
	struct backend_attempt attempt; /* first: cast to struct set_attempt */
	struct grpc_call *call;
	bool open; /* held by the backend */
};

static struct set_attempt *set_answered(struct backend_attempt *attempt)
{
	struct set_attempt *s = (struct set_attempt *)(void *)attempt;

	s->open = false;
	return s;
}

static void set_taken(struct backend_attempt *attempt, const struct config *config)
{
	reply_config(set_answered(attempt)->call, config);
}

static void set_refused(struct backend_attempt *attempt, const char *flag, const char *sentence)
{
	struct set_attempt *s = set_answered(attempt);
	char name[CONFIG_FIELD_NAME_MAX];

	if (*flag)
		grpc_finish(s->call, GRPC_INVALID_ARGUMENT, "%s: %s", config_field_name(flag, name),
			    sentence);
	else
		grpc_finish(s->call, GRPC_FAILED_PRECONDITION, "the configuration does not start: %s",
			    sentence);
}

static void set_closed(struct grpc_call *call)
{
	const struct grpc_backend *b = backend_of(call);
	struct set_attempt *s = call->user;

	if (s && s->open)
		b->give_up(b->data, &s->attempt);
	free(s);
}

/* Return whether clients can still reach the daemon under the next configuration; end the call if not. */
static bool stays_reachable(struct grpc_call *call, const struct config *next)
{
	const struct grpc_backend *b = backend_of(call);
	const struct config *now = b->config(b->data);

	if (next->max_loops && next->max_loops != now->max_loops)
		grpc_finish(call, GRPC_INVALID_ARGUMENT,
			    "max_loops: %" PRIu64 " would end the daemon; over gRPC it can only be set to 0",
			    (uint64_t)next->max_loops);
	else if (!next->grpc_port && now->grpc_port)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "grpc_port: 0 would close the port of this call");
	else
		return true;
	return false;
}

/* Try the configuration, which is taken over; the call ends with the result. */
static void try_config(struct grpc_call *call, struct config *next)
{
	const struct grpc_backend *b = backend_of(call);
	_cleanup_(config_deletep) struct config *c = next;

	struct set_attempt *s = calloc(1, sizeof(*s));
	if (!s) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the attempt");
		return;
	}
	*s = (struct set_attempt){{set_taken, set_refused}, call, true};
	call->user = s;
	int r = b->reconfigure(b->data, c, &s->attempt);
	if (r == 0) {
		take_ptr(c);
		return;
	}
	s->open = false;
	if (r == -EBUSY)
		grpc_finish(call, GRPC_ABORTED, "another configuration is being tried; try again");
	else
		grpc_finish(call, GRPC_UNAVAILABLE, "cannot try the configuration: %s", strerror(-r));
}

static void set(struct grpc_call *call, const ProtobufCMessage *message)
{
	const XtcpConfig__V1__SetRequest *request = (const void *)message;
	const struct grpc_backend *b = backend_of(call);
	_cleanup_(config_deletep) struct config *c = config_clone(b->config(b->data));
	char error[ERROR_MAX];

	if (!request->config) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT,
			    "config: it is empty; send what Get returns, with changes");
		return;
	}
	if (!c) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the configuration");
		return;
	}
	if (config_from_message(c, request->config, error, sizeof(error)) < 0) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "%s", error);
		return;
	}
	if (stays_reachable(call, c))
		try_config(call, take_ptr(c));
}

static void set_s3_upload(struct grpc_call *call, const ProtobufCMessage *message)
{
	const XtcpConfig__V1__SetS3UploadRequest *request = (const void *)message;
	const struct grpc_backend *b = backend_of(call);
	_cleanup_(config_deletep) struct config *c = config_clone(b->config(b->data));
	char error[ERROR_MAX], bytes[16];

	if (!c) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the configuration");
		return;
	}
	if (strncmp(c->dest, "s3:", strlen("s3:")) != 0) {
		grpc_finish(call, GRPC_FAILED_PRECONDITION, "the destination of this daemon is not s3:");
		return;
	}
	if (!request->s3_flush_interval && !request->s3_parquet_flush_threshold_bytes) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT,
			    "s3_flush_interval, s3_parquet_flush_threshold_bytes: give at least one");
		return;
	}
	int r = request->s3_flush_interval
		    ? config_set_duration(c, FIELD_S3_FLUSH_INTERVAL, request->s3_flush_interval, error,
					  sizeof(error))
		    : 0;
	if (r == 0 && request->s3_parquet_flush_threshold_bytes) {
		snprintf(bytes, sizeof(bytes), "%" PRIu32, request->s3_parquet_flush_threshold_bytes);
		r = config_set(c, option_find("s3MaxBytes"), bytes, error, sizeof(error));
	}
	if (r < 0)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "%s", error);
	else
		try_config(call, take_ptr(c));
}

/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define UNARY(name_, needs_, request_, handler_)                                                          \
	{.name = name_, .kind = GRPC_UNARY, .needs = needs_, .request = &xtcp_config__v1__##request_##__descriptor, \
	 .message = handler_}
/* clang-format on */

const struct grpc_method config_methods[] = {
    UNARY("Get", ACCESS_READ, get_request, get),
    {.name = "Set",
     .kind = GRPC_UNARY,
     .needs = ACCESS_ADMIN,
     .request = &xtcp_config__v1__set_request__descriptor,
     .message = set,
     .closed = set_closed},
    UNARY("SetPollFrequency", ACCESS_ADMIN, set_poll_frequency_request, set_poll_frequency),
    UNARY("TriggerPoll", ACCESS_ADMIN, trigger_poll_request, trigger_poll),
    UNARY("TriggerPollBurst", ACCESS_ADMIN, trigger_poll_burst_request, trigger_poll_burst),
    {.name = "SetS3Upload",
     .kind = GRPC_UNARY,
     .needs = ACCESS_ADMIN,
     .request = &xtcp_config__v1__set_s3_upload_request__descriptor,
     .message = set_s3_upload,
     .closed = set_closed},
    {0},
};
