/* SPDX-License-Identifier: MIT */
#include "poll/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "config/config.h"
#include "netns/files.h"
#include "poll/shipper.h"
#include "poll/turns.h"

/* A worker's stack holds no buffers: those are on the heap. */
#define WORKER_STACK_BYTES (256 * 1024)

struct worker {
	struct poll_crew *crew;
	unsigned number;
	pthread_t thread;
	bool started;
	struct source *source;
	struct shipper shipper;
	struct record record;
};

struct poll_crew {
	const struct source_ops *ops;
	struct netns_table *table; /* borrowed; for dump_all() */
	int done_fd;
	unsigned count;
	struct worker *workers;

	pthread_mutex_t lock; /* guards what follows up to `next` */
	pthread_cond_t wake;
	uint64_t cycle; /* grows with each cycle; a worker that sees a new number goes to work */
	/*
	 * Workers of this cycle: never more than jobs, the first ones first, so that
	 * a host with few namespaces warms and fills the memory of few workers.
	 */
	unsigned taking_part;
	unsigned busy;
	bool stop;
	struct poll_tap *tap;
	struct poll_result result;

	/* The running cycle; constant while it runs. */
	struct netns **jobs;
	size_t job_count, job_capacity;
	int64_t begin_ns, deadline_ns;
	size_t next; /* atomic: the first job not yet taken */
};

static void job_run(struct worker *w, size_t job, struct poll_result *result)
{
	struct poll_crew *crew = w->crew;
	struct netns *ns = crew->jobs[job];
	struct dump_result dump = {0};

	int r = ns ? crew->ops->dump(w->source, ns, &w->record, &w->shipper.sink, crew->deadline_ns, &dump)
		   : crew->ops->dump_all(w->source, crew->table, &w->record, &w->shipper.sink,
					 crew->deadline_ns, &dump);
	if (r < 0)
		log_debug("poll", "namespace %s: %s", ns ? ns->name : "all", strerror(-r));
	result->namespaces += r == 0;
	result->messages += dump.messages;
	result->partial += dump.partial;
	result->cut |= dump.timed_out;
	result->no_files += r == -EMFILE || r == -ENFILE;
	/* The first job of each worker has the whole cycle. */
	if (ns && !netns_files_keep())
		netns_close(ns);
	turns_served(ns, crew->cycle, job, r, dump.timed_out, job < crew->taking_part);
}

/* Takes jobs until none is left or the deadline has passed. */
static void cycle_work(struct worker *w, struct poll_result *result)
{
	struct poll_crew *crew = w->crew;

	for (;;) {
		size_t i = __atomic_fetch_add(&crew->next, 1, __ATOMIC_RELAXED);
		if (i >= crew->job_count)
			break;
		if (clock_mono_ns() >= crew->deadline_ns) {
			result->cut = true;
			break;
		}
		job_run(w, i, result);
	}
	result->records = shipper_flush(&w->shipper);
}

static void result_add(struct poll_result *sum, const struct poll_result *part)
{
	sum->records += part->records;
	sum->messages += part->messages;
	sum->namespaces += part->namespaces;
	sum->partial += part->partial;
	sum->no_files += part->no_files;
	sum->cut |= part->cut;
}

static void *worker_main(void *data)
{
	struct worker *w = data;
	struct poll_crew *crew = w->crew;
	uint64_t seen = 0;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while (crew->cycle == seen && !crew->stop)
			pthread_cond_wait(&crew->wake, &crew->lock);
		if (crew->cycle == seen)
			break;
		seen = crew->cycle;
		if (w->number >= crew->taking_part)
			continue;
		shipper_set_tap(&w->shipper, crew->tap);
		pthread_mutex_unlock(&crew->lock);

		struct poll_result result = {0};
		cycle_work(w, &result);

		pthread_mutex_lock(&crew->lock);
		result_add(&crew->result, &result);
		if (--crew->busy == 0) {
			uint64_t one = 1;
			ssize_t n = write(crew->done_fd, &one, sizeof(one));
			if (n != sizeof(one))
				log_err("poll", "cannot report the end of a cycle: %s", strerror(errno));
		}
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static int worker_start(struct worker *w, unsigned number, const struct config *config,
			const struct source_config *source_config, struct dest *dest)
{
	char error[256] = "", name[] = "netlinker-65535"; /* as long as the kernel keeps it */

	int r = shipper_init(&w->shipper, config, dest, error, sizeof(error));
	if (r < 0) {
		log_err("poll", "%s", error);
		return r;
	}
	shipper_header(&w->shipper, number == 0);
	w->number = number;
	record_constants(&w->record, config);
	w->source = w->crew->ops->create(source_config, number);
	if (!w->source)
		return -errno;
	snprintf(name, sizeof(name), "netlinker-%hu", (unsigned short)number);
	r = thread_start(&w->thread, name, WORKER_STACK_BYTES, worker_main, w);
	w->started = r == 0;
	return r;
}

struct poll_crew *crew_new(const struct config *config, const struct source_ops *source,
			   const struct source_config *source_config, struct netns_table *table,
			   struct dest *dest, int done_fd)
{
	struct poll_crew *crew = calloc(1, sizeof(*crew));
	if (!crew)
		return NULL;
	crew->ops = source;
	crew->table = table;
	crew->done_fd = done_fd;
	/* One pass over everything cannot be shared out. */
	crew->count = source->dump_all ? 1 : config->netlinkers;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->wake, NULL);
	crew->workers = calloc(crew->count, sizeof(*crew->workers));
	int r = crew->workers ? 0 : -ENOMEM;
	for (unsigned i = 0; i < crew->count && r == 0; i++) {
		crew->workers[i].crew = crew;
		r = worker_start(&crew->workers[i], i, config, source_config, dest);
	}
	if (r < 0) {
		crew_free(crew);
		errno = -r;
		return NULL;
	}
	return crew;
}

void crew_end(struct poll_crew *crew)
{
	if (!crew)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->stop = true;
	/* Jobs not begun are not worth waiting for. */
	__atomic_store_n(&crew->next, crew->job_count, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&crew->wake);
	pthread_mutex_unlock(&crew->lock);
	for (unsigned i = 0; crew->workers && i < crew->count; i++) {
		struct worker *w = &crew->workers[i];
		if (w->started)
			pthread_join(w->thread, NULL);
		w->started = false;
	}
}

void crew_free(struct poll_crew *crew)
{
	if (!crew)
		return;
	crew_end(crew);
	for (unsigned i = 0; crew->workers && i < crew->count; i++) {
		struct worker *w = &crew->workers[i];
		if (w->source)
			crew->ops->free(w->source);
		if (w->crew)
			shipper_free(&w->shipper);
	}
	pthread_cond_destroy(&crew->wake);
	pthread_mutex_destroy(&crew->lock);
	free(crew->workers);
	free(crew->jobs);
	free(crew);
}

static int jobs_copy(struct poll_crew *crew, struct netns *const *namespaces, size_t count)
{
	if (count > crew->job_capacity) {
		struct netns **jobs = reallocarray(crew->jobs, count, sizeof(*jobs));
		if (!jobs)
			return -ENOMEM;
		crew->jobs = jobs;
		crew->job_capacity = count;
	}
	if (count > 0)
		memcpy(crew->jobs, namespaces, count * sizeof(*namespaces));
	crew->job_count = count;
	turns_order(crew->jobs, count, crew->cycle + 1);
	return 0;
}

int crew_begin(struct poll_crew *crew, struct netns *const *namespaces, size_t count, int64_t begin_ns,
	       int64_t deadline_ns)
{
	struct netns *const everything[] = {NULL};

	if (crew->stop)
		return -ESHUTDOWN;
	pthread_mutex_lock(&crew->lock);
	int r = crew->ops->dump_all ? jobs_copy(crew, everything, 1) : jobs_copy(crew, namespaces, count);
	if (r == 0) {
		crew->begin_ns = begin_ns;
		crew->deadline_ns = deadline_ns;
		crew->next = 0;
		crew->result = (struct poll_result){0};
		crew->taking_part = crew->job_count < crew->count ? crew->job_count : crew->count;
		/* Without a job the cycle still has an end for somebody to report. */
		if (crew->taking_part == 0)
			crew->taking_part = 1;
		crew->busy = crew->taking_part;
		crew->cycle++;
		pthread_cond_broadcast(&crew->wake);
	}
	pthread_mutex_unlock(&crew->lock);
	return r;
}

void crew_result(struct poll_crew *crew, struct poll_result *result)
{
	pthread_mutex_lock(&crew->lock);
	*result = crew->result;
	turns_count(crew->jobs, crew->job_count, crew->begin_ns, result);
	pthread_mutex_unlock(&crew->lock);
}

void crew_set_tap(struct poll_crew *crew, struct poll_tap *tap)
{
	pthread_mutex_lock(&crew->lock);
	crew->tap = tap;
	pthread_mutex_unlock(&crew->lock);
}
