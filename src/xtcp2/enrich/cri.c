/* SPDX-License-Identifier: MIT */
#include "enrich/cri.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/thread.h"
#include "enrich/cgroups.h"
#include "enrich/cri_list.h"
#include "enrich/enrichment.h"
#include "grpc/grpc_client.h"
#include "runtime/v1/cri.pb-c.h"
#include "stats/stats.h"

#define CRI_LOG_NS (60 * NS_PER_SEC)

/* The client reads 64 KiB at a time into its stack. */
#define CRI_STACK_BYTES (512 * 1024)

/* The sockets of containerd, CRI-O, k3s and cri-dockerd. */
static const char *const usual[] = {
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
};

enum { PODS, CONTAINERS, CALLS };

struct cri {
	char *socket;
	pthread_t thread;
	bool started;

	/* The thread's alone. */
	struct grpc_connection connection; /* made by cri_new() */
	struct loop *loop;
	struct loop_watch wake, timer;
	struct grpc_client *client; /* NULL: not connected */
	struct grpc_client_call calls[CALLS];
	bool ended[CALLS];	/* has its answer */
	unsigned running;	/* calls that have not */
	struct cri_list making; /* by the running calls */
	char reason[300];	/* why they failed, "" as yet */
	int64_t begun_ns;	/* when the last list was begun, 0 for never */
	bool denied;		/* the socket has not let it in */
	struct log_limit limit;

	pthread_mutex_t lock; /* guards the rest */
	bool stop, wanted;
	int64_t pause_ns;
	struct cri_list list;
};

/* The socket to connect to; NULL when none of the usual ones exists. */
static const char *find_socket(const struct cri *c)
{
	if (strcmp(c->socket, "auto") != 0)
		return c->socket;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (access(usual[i], F_OK) == 0)
			return usual[i];
	}
	return NULL;
}

static void fail(struct cri *c, const char *socket, const char *reason)
{
	uint64_t suppressed;

	stat_add(STAT_CRI_FAILED, 1);
	if (log_limit_pass(&c->limit, CRI_LOG_NS, &suppressed))
		log_warn("cri", "%s: pods and containers are not listed: %s", socket, reason);
}

/* A socket that nobody named is often closed to the daemon: that is told once. */
static void denied(struct cri *c, const char *socket)
{
	static const char reason[] =
	    "Permission denied; the daemon connects as root at its start only: start "
	    "it again, let a group of its user (-groups) use the socket, or do "
	    "without -criSocket";

	if (strcmp(c->socket, "auto") == 0 && c->denied)
		stat_add(STAT_CRI_FAILED, 1);
	else
		fail(c, socket, reason);
	c->denied = true;
}

/* Connect if necessary. Return whether there is a client. */
static bool connect_client(struct cri *c)
{
	if (c->client && !grpc_client_lost(c->client))
		return true;
	grpc_client_free(c->client);
	c->client = NULL;
	if (c->connection.fd < 0) {
		const char *socket = find_socket(c);
		if (!socket)
			return false;
		int r = grpc_connect_unix(&c->connection, socket);
		if (r == -EACCES)
			denied(c, socket);
		else if (r < 0)
			fail(c, socket, strerror(-r));
		if (r < 0)
			return false;
	}
	c->client = grpc_client_new(c->loop, &c->connection);
	if (!c->client)
		fail(c, c->socket, strerror(errno));
	return c->client != NULL;
}

/* Both calls have ended. */
static void finish(struct cri *c)
{
	struct cri_list old = c->making;

	loop_timer_set(&c->timer, 0, 0);
	if (!c->reason[0]) {
		cri_list_settle(&c->making);
		pthread_mutex_lock(&c->lock);
		old = c->list;
		c->list = c->making;
		pthread_mutex_unlock(&c->lock);
		stat_add(STAT_CRI_OK, 1);
	} else if (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		fail(c, grpc_client_peer(c->client), c->reason);
	}
	cri_list_free(&old);
	c->making = (struct cri_list){0};
}

static void on_answer(struct grpc_client_call *call, struct str message)
{
	struct cri *c = call->data;
	const uint8_t *data = (const uint8_t *)message.p;
	int r = call == &c->calls[PODS] ? cri_list_add_pods(&c->making, data, message.len)
					: cri_list_add_containers(&c->making, data, message.len);

	if (r < 0)
		snprintf(c->reason, sizeof(c->reason), "the answer to %s cannot be read: %s", call->path,
			 strerror(-r));
}

static void on_done(struct grpc_client_call *call)
{
	struct cri *c = call->data;

	if (call->code != GRPC_OK && !c->reason[0])
		snprintf(c->reason, sizeof(c->reason), "%s: %.250s", grpc_code_name(call->code), call->text);
	c->ended[call - c->calls] = true;
	if (--c->running == 0)
		finish(c);
}

static void call(struct cri *c, int which, const char *path, const ProtobufCMessage *request)
{
	struct grpc_client_call *call = &c->calls[which];

	*call = (struct grpc_client_call){
	    .path = path, .timeout_ns = CRI_ANSWER_NS, .data = c, .message = on_answer, .done = on_done};
	c->ended[which] = false;
	c->running++;
	int r = grpc_client_start(c->client, call);
	if (r < 0) {
		c->ended[which] = true;
		snprintf(c->reason, sizeof(c->reason), "%s", strerror(-r));
		c->running--;
	} else {
		grpc_client_send(call, request, true);
	}
}

/* Ask for a list. Pods first: a container that a list has then has its pod, too, unless it came in between. */
static void begin(struct cri *c)
{
	Runtime__V1__PodSandboxStateValue ready = RUNTIME__V1__POD_SANDBOX_STATE_VALUE__INIT;
	Runtime__V1__PodSandboxFilter of_pods = RUNTIME__V1__POD_SANDBOX_FILTER__INIT;
	Runtime__V1__ListPodSandboxRequest pods = RUNTIME__V1__LIST_POD_SANDBOX_REQUEST__INIT;
	Runtime__V1__ContainerStateValue running = RUNTIME__V1__CONTAINER_STATE_VALUE__INIT;
	Runtime__V1__ContainerFilter of_containers = RUNTIME__V1__CONTAINER_FILTER__INIT;
	Runtime__V1__ListContainersRequest containers = RUNTIME__V1__LIST_CONTAINERS_REQUEST__INIT;

	c->begun_ns = clock_mono_ns();
	pthread_mutex_lock(&c->lock);
	c->wanted = false;
	c->pause_ns = c->pause_ns < CRI_PAUSE_MAX_NS / 2 ? 2 * c->pause_ns : CRI_PAUSE_MAX_NS;
	pthread_mutex_unlock(&c->lock);
	if (!connect_client(c))
		return;
	c->reason[0] = '\0';
	ready.state = RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY;
	of_pods.state = &ready;
	pods.filter = &of_pods;
	call(c, PODS, "/runtime.v1.RuntimeService/ListPodSandbox", &pods.base);
	running.state = RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING;
	of_containers.state = &running;
	containers.filter = &of_containers;
	call(c, CONTAINERS, "/runtime.v1.RuntimeService/ListContainers", &containers.base);
	if (c->running == 0)
		finish(c);
	else
		loop_timer_set(&c->timer, CRI_ANSWER_NS, 0);
}

/* Begin a list that is wanted, now or when the pause is over. */
static void begin_when_due(struct cri *c)
{
	pthread_mutex_lock(&c->lock);
	bool wanted = c->wanted;
	int64_t due = c->begun_ns ? c->begun_ns + c->pause_ns : 0, now = clock_mono_ns();
	pthread_mutex_unlock(&c->lock);

	if (c->running || !wanted)
		return;
	if (due > now)
		loop_timer_set(&c->timer, due - now, 0);
	else
		begin(c);
}

static void on_wake(struct loop_watch *w, uint32_t events)
{
	struct cri *c = w->data;
	eventfd_t value;

	eventfd_read(w->fd, &value);
	if (__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		loop_stop(c->loop);
	else
		begin_when_due(c);
}

/* A pause is over, or the time of the running calls. */
static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct cri *c = w->data;

	loop_timer_read(w);
	for (int i = 0; c->running && i < CALLS; i++) {
		if (!c->ended[i])
			grpc_client_cancel(&c->calls[i], GRPC_DEADLINE_EXCEEDED, "no answer in time");
	}
	begin_when_due(c);
}

static void *cri_main(void *data)
{
	struct cri *c = data;

	/* The runtime closes a connection that does not speak soon. */
	if (c->connection.fd >= 0)
		c->client = grpc_client_new(c->loop, &c->connection);
	loop_run(c->loop);
	grpc_client_free(c->client);
	return NULL;
}

struct cri *cri_new(const char *socket)
{
	struct cri *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->pause_ns = CRI_PAUSE_NS;
	c->connection = GRPC_DISCONNECTED;
	c->wake = (struct loop_watch){.fd = -1, .name = "cri wake", .fn = on_wake, .data = c};
	c->timer = (struct loop_watch){.fd = -1, .name = "cri timer", .fn = on_timer, .data = c};
	c->socket = strdup(socket);
	if (!c->socket) {
		cri_free(c);
		errno = ENOMEM;
		return NULL;
	}
	const char *path = find_socket(c);
	if (path)
		grpc_connect_unix(&c->connection, path); /* a failure is told when the thread tries again */
	return c;
}

int cri_start(struct cri *c)
{
	c->loop = loop_new();
	if (!c->loop)
		return -errno;
	c->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = c->wake.fd < 0 ? -errno : loop_add(c->loop, &c->wake, EPOLLIN);
	if (r == 0)
		r = loop_timer_open(c->loop, &c->timer);
	if (r == 0)
		r = thread_start(&c->thread, "cri", CRI_STACK_BYTES, cri_main, c);
	c->started = r == 0;
	return r;
}

void cri_free(struct cri *c)
{
	if (!c)
		return;
	if (c->started) {
		pthread_mutex_lock(&c->lock);
		__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&c->lock);
		eventfd_write(c->wake.fd, 1);
		pthread_join(c->thread, NULL);
	}
	if (c->loop) {
		loop_timer_close(c->loop, &c->timer);
		loop_remove(c->loop, &c->wake);
	}
	cleanup_closep(&c->wake.fd);
	loop_free(c->loop);
	grpc_disconnect(&c->connection);
	cri_list_free(&c->making);
	cri_list_free(&c->list);
	pthread_mutex_destroy(&c->lock);
	free(c->socket);
	free(c);
}

struct follower {
	struct cri *c;
	bool named, missing;
};

/* Podman and LXC have no such interface. */
static bool may_list(const char *runtime)
{
	return strcmp(runtime, "podman") != 0 && strcmp(runtime, "lxc") != 0;
}

static bool follow_place(void *data, struct place *place)
{
	struct follower *f = data;
	bool news = false;

	if (!may_list(place->container.runtime))
		return false;
	if (!cri_list_name(&f->c->list, place, &news))
		f->missing = true;
	f->named |= news;
	return news;
}

static void follow_namespace(struct follower *f, struct enrichment *e)
{
	struct place place = {.container.runtime = ""};
	bool news;

	if (!e || !e->container || e->container->name[0] || !may_list(e->container->runtime))
		return;
	strcpy(place.container.id, e->container->id);
	if (!cri_list_name(&f->c->list, &place, &news))
		f->missing = true;
	struct container *named =
	    place.container.name[0]
		? container_named(e->container, place.container.name, place.container.image)
		: NULL;
	if (!named)
		return;
	container_unref(e->container);
	e->container = named;
	f->named = true;
}

void cri_follow(struct cri *c, struct netns *const *entries, size_t count, struct cgroups *cgroups)
{
	struct follower f = {.c = c};

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < count; i++)
		follow_namespace(&f, entries[i]->enrichment);
	if (cgroups)
		cgroups_each_unnamed(cgroups, follow_place, &f);
	if (f.named)
		c->pause_ns = CRI_PAUSE_NS;
	bool wake = f.missing && !c->wanted;
	c->wanted |= f.missing;
	pthread_mutex_unlock(&c->lock);
	if (wake)
		eventfd_write(c->wake.fd, 1);
}
