/* SPDX-License-Identifier: MIT */
#include "grpc/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "grpc/health/v1/health.pb-c.h"

/* Interval between checks of readiness while there are watchers. */
#define WATCH_INTERVAL_NS NS_PER_SEC

typedef Grpc__Health__V1__HealthCheckRequest request_t;
typedef Grpc__Health__V1__HealthCheckResponse response_t;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus status_t;
#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

struct watcher {
	LIST_ENTRY(watcher) link;
	struct grpc_call *call;
	struct health *health;
	status_t told;
};

struct health {
	struct loop *loop;
	health_ready_fn *ready;
	void *data;
	const struct grpc_service *services;
	struct loop_watch timer; /* armed while there are watchers */
	LIST_HEAD(, watcher) watchers;
};

static status_t status_now(const struct health *h)
{
	struct buf why = {0};
	bool ready = h->ready(h->data, &why);

	buf_free(&why);
	return ready ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

static bool service_known(const struct health *h, const char *name)
{
	if (!*name)
		return true;
	for (const struct grpc_service *s = h->services; s->name; s++) {
		if (strcmp(s->name, name) == 0)
			return true;
	}
	return false;
}

static void check(struct grpc_call *call, const ProtobufCMessage *message)
{
	struct health *h = call->service;
	const request_t *request = (const request_t *)message;
	response_t response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	if (!service_known(h, request->service)) {
		grpc_finish(call, GRPC_NOT_FOUND, "unknown service %s", request->service);
		return;
	}
	response.status = status_now(h);
	grpc_reply(call, &response.base);
}

static void tell(struct grpc_call *call, status_t status)
{
	response_t response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	response.status = status;
	if (grpc_send(call, &response.base) == -ENOMEM)
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the response");
}

static void watch(struct grpc_call *call, const ProtobufCMessage *message)
{
	struct health *h = call->service;
	const request_t *request = (const request_t *)message;

	if (!service_known(h, request->service)) {
		/* The specification keeps this stream open; the table of services never changes. */
		tell(call, STATUS(SERVICE_UNKNOWN));
		return;
	}
	struct watcher *w = calloc(1, sizeof(*w));
	if (!w) {
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for another watcher");
		return;
	}
	*w = (struct watcher){.call = call, .health = h, .told = status_now(h)};
	call->user = w;
	if (LIST_EMPTY(&h->watchers))
		loop_timer_set(&h->timer, WATCH_INTERVAL_NS, WATCH_INTERVAL_NS);
	LIST_INSERT_HEAD(&h->watchers, w, link);
	tell(call, w->told);
}

static void watch_closed(struct grpc_call *call)
{
	struct watcher *w = call->user;

	if (!w)
		return;
	LIST_REMOVE(w, link);
	if (LIST_EMPTY(&w->health->watchers))
		loop_timer_set(&w->health->timer, 0, 0);
	free(w);
}

static void timer_event(struct loop_watch *timer, uint32_t events)
{
	struct health *h = timer->data;
	status_t status = status_now(h);
	struct watcher *w;

	loop_timer_read(timer);
	LIST_FOREACH(w, &h->watchers, link)
	{
		if (w->told != status) {
			w->told = status;
			tell(w->call, status);
		}
	}
}

const struct grpc_method health_methods[] = {
    {
	.name = "Check",
	.kind = GRPC_UNARY,
	.needs = ACCESS_READ,
	.request = &grpc__health__v1__health_check_request__descriptor,
	.message = check,
    },
    {
	.name = "Watch",
	.kind = GRPC_SERVER_STREAM,
	.needs = ACCESS_READ,
	.request = &grpc__health__v1__health_check_request__descriptor,
	.message = watch,
	.closed = watch_closed,
    },
    {0},
};

struct health *health_new(struct loop *loop, health_ready_fn *ready, void *data,
			  const struct grpc_service *services)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	*h = (struct health){.loop = loop, .ready = ready, .data = data, .services = services};
	h->timer = (struct loop_watch){.fd = -1, .name = "grpc health", .fn = timer_event, .data = h};
	int r = loop_timer_open(loop, &h->timer);
	if (r < 0) {
		free(h);
		errno = -r;
		return NULL;
	}
	return h;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	loop_timer_close(h->loop, &h->timer);
	free(h);
}
