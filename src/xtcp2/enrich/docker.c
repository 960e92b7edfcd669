/* SPDX-License-Identifier: MIT */
#include "enrich/docker.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/thread.h"
#include "enrich/cgroups.h"
#include "enrich/enrichment.h"
#include "stats/stats.h"

/* Requests that wait, and answers that docker_follow() has not taken yet. */
#define QUEUE_MAX 256

/* Attempts per container. */
#define ATTEMPTS_MAX 3

/* Time limit of a request: a local socket answers in a millisecond. */
#define REQUEST_TIMEOUT_MS 2000L

/* The description of a container is some 10 KiB. */
#define ANSWER_MAX (1 << 20)

#define DOCKER_LOG_NS	   (60 * NS_PER_SEC)
#define DOCKER_STACK_BYTES (256 * 1024)

struct answer {
	char id[CONTAINER_ID_MAX + 1];
	bool good;
	char name[CONTAINER_NAME_MAX + 1], image[CONTAINER_NAME_MAX + 1];
};

/* The state of a container that is known by the cgroup of sockets rather than by a namespace. */
struct told {
	char id[CONTAINER_ID_MAX + 1]; /* "": free */
	bool pending, good;
	uint8_t attempts;
	char name[CONTAINER_NAME_MAX + 1], image[CONTAINER_NAME_MAX + 1];
};

struct docker {
	char *socket_path;
	CURL *curl; /* used by the thread alone */
	struct fetch_answer reply;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t wake;   /* of the thread */
	pthread_cond_t answer; /* an answer has come; by CLOCK_MONOTONIC */
	bool stop;	       /* atomic: read without the lock while a request runs */
	char asked[QUEUE_MAX][CONTAINER_ID_MAX + 1];
	struct answer answers[QUEUE_MAX];
	size_t asked_count, answer_count;
	struct told told[QUEUE_MAX]; /* the next one to replace: told_next */
	size_t told_next;
	size_t on_the_way; /* asked, being requested by the thread, or answered */
};

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t e)
{
	return __atomic_load_n(&((struct docker *)user)->stop, __ATOMIC_RELAXED);
}

static void copy_text(char to[static CONTAINER_NAME_MAX + 1], const char *from)
{
	*to = '\0';
	if (from && strlen(from) <= CONTAINER_NAME_MAX)
		strcpy(to, from);
}

bool docker_parse(const char *json, size_t len, char name_out[static CONTAINER_NAME_MAX + 1],
		  char image_out[static CONTAINER_NAME_MAX + 1])
{
	json_t *root = json_loadb(json ? json : "", len, 0, NULL);
	const char *name = json_string_value(json_object_get(root, "Name"));
	const char *image = json_string_value(json_object_get(json_object_get(root, "Config"), "Image"));

	/* The API puts a slash before the name. */
	copy_text(name_out, name && name[0] == '/' ? name + 1 : name);
	copy_text(image_out, image);
	json_decref(root);
	return name_out[0] || image_out[0];
}

/* Make one request; the connection is kept for the next one. */
static void ask(struct docker *d, struct answer *a)
{
	static struct log_limit limit;
	char url[sizeof("http://localhost/containers//json") + CONTAINER_ID_MAX];
	long status = 0;
	uint64_t suppressed;

	buf_reset(&d->reply.body);
	snprintf(url, sizeof(url), "http://localhost/containers/%s/json", a->id);
	curl_easy_setopt(d->curl, CURLOPT_URL, url);
	CURLcode r = curl_easy_perform(d->curl);
	curl_easy_getinfo(d->curl, CURLINFO_RESPONSE_CODE, &status);
	a->good = r == CURLE_OK && status == 200 &&
		  docker_parse((const char *)d->reply.body.data, d->reply.body.len, a->name, a->image);
	stat_add(a->good ? STAT_DOCKER_OK : STAT_DOCKER_FAILED, 1);
	if (!a->good && !__atomic_load_n(&d->stop, __ATOMIC_RELAXED) &&
	    log_limit_pass(&limit, DOCKER_LOG_NS, &suppressed))
		log_warn("docker", "%s: no description of container %.12s: %s, status %ld", d->socket_path,
			 a->id, curl_easy_strerror(r), status);
}

static void *docker_main(void *data)
{
	struct docker *d = data;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		while (d->asked_count == 0 && !d->stop)
			pthread_cond_wait(&d->wake, &d->lock);
		if (d->stop)
			break;
		struct answer a = {0};
		strcpy(a.id, d->asked[--d->asked_count]);
		pthread_mutex_unlock(&d->lock);
		ask(d, &a);
		pthread_mutex_lock(&d->lock);
		d->answers[d->answer_count++] = a;
		pthread_cond_signal(&d->answer);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static int start(struct docker *d, const char *socket_path)
{
	d->socket_path = strdup(socket_path);
	d->reply = (struct fetch_answer){.max = ANSWER_MAX, .whole = true};
	d->curl = fetch_new(&d->reply, REQUEST_TIMEOUT_MS);
	if (!d->socket_path || !d->curl)
		return -ENOMEM;
	curl_easy_setopt(d->curl, CURLOPT_UNIX_SOCKET_PATH, d->socket_path);
	curl_easy_setopt(d->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(d->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(d->curl, CURLOPT_XFERINFODATA, d);
	int r = thread_start(&d->thread, "docker", DOCKER_STACK_BYTES, docker_main, d);
	d->started = r == 0;
	return r;
}

static void cond_init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct docker *docker_new(const char *socket_path)
{
	struct docker *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->wake, NULL);
	cond_init_monotonic(&d->answer);
	int r = start(d, socket_path);
	if (r < 0) {
		docker_free(d);
		errno = -r;
		return NULL;
	}
	return d;
}

void docker_free(struct docker *d)
{
	if (!d)
		return;
	if (d->started) {
		pthread_mutex_lock(&d->lock);
		__atomic_store_n(&d->stop, true, __ATOMIC_RELAXED);
		pthread_cond_signal(&d->wake);
		pthread_mutex_unlock(&d->lock);
		pthread_join(d->thread, NULL);
	}
	if (d->curl)
		curl_easy_cleanup(d->curl);
	buf_free(&d->reply.body);
	free(d->socket_path);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->wake);
	pthread_cond_destroy(&d->answer);
	free(d);
}

/* Give the answer to the namespaces of its container. */
static void apply(const struct answer *a, struct netns *const *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct enrichment *e = entries[i]->enrichment;
		if (!e || !e->container || strcmp(e->container->id, a->id) != 0)
			continue;
		e->name_asked = false;
		e->name_known = a->good;
		struct container *named = a->good ? container_named(e->container, a->name, a->image) : NULL;
		if (named) {
			container_unref(e->container);
			e->container = named;
		}
	}
}

/* "": below a parent of the operator's choice, which Docker's containers may be. */
static bool is_asked_for(const char *runtime)
{
	return !*runtime || strcmp(runtime, "docker") == 0 || strcmp(runtime, "podman") == 0;
}

static bool wanted(const struct enrichment *e)
{
	return e && e->container && !e->name_asked && !e->name_known && e->name_attempts < ATTEMPTS_MAX &&
	       is_asked_for(e->container->runtime);
}

static struct told *told_find(struct docker *d, const char *id)
{
	for (size_t i = 0; i < QUEUE_MAX; i++) {
		if (strcmp(d->told[i].id, id) == 0)
			return &d->told[i];
	}
	return NULL;
}

/* The place of the one made longest ago, NULL while that is waited for. */
static struct told *told_make(struct docker *d, const char *id)
{
	struct told *t = &d->told[d->told_next];

	if (t->pending)
		return NULL;
	d->told_next = (d->told_next + 1) % QUEUE_MAX;
	*t = (struct told){0};
	strcpy(t->id, id);
	return t;
}

static void tell(struct docker *d, const struct answer *a)
{
	struct told *t = told_find(d, a->id);

	if (!t)
		return;
	t->pending = false;
	t->good = a->good;
	strcpy(t->name, a->name);
	strcpy(t->image, a->image);
}

static void ask_for(struct docker *d, const char *id)
{
	strcpy(d->asked[d->asked_count++], id);
	d->on_the_way++;
}

struct follower {
	struct docker *d;
	struct netns *const *entries;
	size_t count;
};

/* The container by which a namespace is known, NULL for none: it is asked for already. */
static const struct container *of_namespace(const struct follower *f, const char *id)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct enrichment *e = f->entries[i]->enrichment;
		if (e && e->container && strcmp(e->container->id, id) == 0)
			return e->container;
	}
	return NULL;
}

/* Name the container of a cgroup, or ask for its name. */
static bool follow_place(void *data, struct place *place)
{
	const struct follower *f = data;
	struct container *c = &place->container;

	if (c->name[0] || !is_asked_for(c->runtime))
		return false;
	const struct container *same = of_namespace(f, c->id);
	struct told *t = same ? NULL : told_find(f->d, c->id);
	if (same || (t && t->good)) {
		const char *image = same ? same->image : t->image;
		bool news = strcmp(c->image, image) != 0;
		strcpy(c->name, same ? same->name : t->name);
		strcpy(c->image, image);
		return news || c->name[0];
	}
	if (f->d->on_the_way >= QUEUE_MAX || (t && (t->pending || t->attempts >= ATTEMPTS_MAX)))
		return false;
	if (!t)
		t = told_make(f->d, c->id);
	if (t) {
		t->pending = true;
		t->attempts++;
		ask_for(f->d, c->id);
	}
	return false;
}

void docker_follow(struct docker *d, struct netns *const *entries, size_t count, struct cgroups *cgroups)
{
	struct follower f = {d, entries, count};

	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->answer_count; i++) {
		apply(&d->answers[i], entries, count);
		tell(d, &d->answers[i]);
	}
	d->on_the_way -= d->answer_count;
	d->answer_count = 0;
	for (size_t i = 0; i < count && d->on_the_way < QUEUE_MAX; i++) {
		struct enrichment *e = entries[i]->enrichment;
		if (!wanted(e))
			continue;
		e->name_asked = true;
		e->name_attempts++;
		ask_for(d, e->container->id);
	}
	if (cgroups)
		cgroups_each_unnamed(cgroups, follow_place, &f);
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

size_t docker_wait(struct docker *d, int64_t deadline_ns)
{
	const struct timespec until = {deadline_ns / NS_PER_SEC, deadline_ns % NS_PER_SEC};
	int r = 0;

	pthread_mutex_lock(&d->lock);
	while (d->answer_count < d->on_the_way && r == 0)
		r = pthread_cond_timedwait(&d->answer, &d->lock, &until);
	size_t answers = d->answer_count;
	pthread_mutex_unlock(&d->lock);
	return answers;
}
