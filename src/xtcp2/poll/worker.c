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
#include "enrich/uplinks.h"
#include "netns/files.h"
#include "poll/changes.h"
#include "poll/shipper.h"
#include "poll/turns.h"
#include "stats/stats.h"
#include "tally/tally.h"

/* A worker's stack holds no buffers: those are on the heap. */
#define WORKER_STACK_BYTES (256 * 1024)

struct worker {
	struct worker_pool *pool;
	unsigned number;
	pthread_t thread;
	bool started;
	uint64_t seen; /* number of the last cycle */
	struct source *source;
	struct shipper shipper;
	struct record record;
	const struct config *config; /* borrowed */
	struct hostname hostname;
	struct uplinks *uplinks; /* borrowed; NULL for none */
	struct uplink_facts uplink_facts;
};

struct worker_pool {
	const struct source_ops *ops;
	struct netns_table *table; /* borrowed; for dump_all() */
	int done_fd;
	unsigned count;
	struct worker *workers;

	pthread_mutex_t lock; /* guards what follows up to `next` */
	pthread_cond_t wake;
	uint64_t cycle; /* grows with each cycle; a new number wakes the workers */
	/*
	 * Workers of this cycle: never more than jobs, the first ones first, so that
	 * a host with few namespaces warms and fills the memory of few workers.
	 */
	unsigned taking_part;
	unsigned working; /* workers that still read */
	unsigned busy;
	bool stop;
	struct poll_tap *tap;
	struct poll_result result;

	/* The running cycle; constant while it runs. */
	struct netns **jobs;
	bool *read; /* which of the jobs were read to their end */
	size_t job_count, job_capacity;
	struct changes *changes; /* -changed; NULL without it */
	uint64_t since_full;
	int64_t begin_ns, deadline_ns;
	size_t next; /* atomic: the first job not yet taken */
};

static void job_run(struct worker *w, size_t job, struct poll_result *result)
{
	struct worker_pool *pool = w->pool;
	struct netns *ns = pool->jobs[job];
	struct dump_result dump = {0};

	int r = ns ? pool->ops->dump(w->source, ns, &w->record, &w->shipper.sink, pool->deadline_ns, &dump)
		   : pool->ops->dump_all(w->source, pool->table, &w->record, &w->shipper.sink,
					 pool->deadline_ns, &dump);
	if (r < 0)
		log_debug("poll", "namespace %s: %s", ns ? ns->name : "all", strerror(-r));
	pool->read[job] = r == 0 && !dump.partial && !dump.timed_out;
	result->namespaces += r == 0;
	result->messages += dump.messages;
	result->partial += dump.partial;
	result->cut |= dump.timed_out;
	result->no_files += r == -EMFILE || r == -ENFILE;
	/* The first job of each worker has the whole cycle to itself. */
	if (ns && !netns_files_keep())
		netns_close(ns);
	turns_served(ns, pool->cycle, job, r, dump.timed_out, job < pool->taking_part);
}

/* Take jobs until none is left or the deadline has passed. */
static void cycle_work(struct worker *w, struct poll_result *result)
{
	struct worker_pool *pool = w->pool;

	record_hostname(&w->record, w->config, &w->hostname);
	record_uplinks(&w->record, w->uplinks, &w->uplink_facts);
	w->record.poll = w->seen;
	w->record.since_full = w->pool->since_full;
	for (;;) {
		size_t i = __atomic_fetch_add(&pool->next, 1, __ATOMIC_RELAXED);
		if (i >= pool->job_count)
			break;
		if (clock_mono_ns() >= pool->deadline_ns) {
			result->cut = true;
			break;
		}
		job_run(w, i, result);
	}
	result->records = shipper_flush(&w->shipper);
}

/* The end of a poll of -changed, on the last of its workers that reads. */
struct poll_end {
	struct worker *w;
	struct record mark;
};

static bool was_unread(void *data, uint64_t netns_inode)
{
	const struct worker_pool *pool = ((struct poll_end *)data)->w->pool;

	for (size_t i = 0; i < pool->job_count; i++) {
		if (!pool->read[i] && (!pool->jobs[i] || pool->jobs[i]->ino == netns_inode))
			return true;
	}
	return false;
}

static void mark_gone(void *data, uint64_t cookie)
{
	struct poll_end *e = data;

	e->mark.inet_diag_msg_socket_cookie = cookie;
	shipper_mark(&e->w->shipper, &e->mark);
}

static void changes_ship(struct worker *w, struct poll_result *result)
{
	struct poll_end e = {.w = w};
	struct record *mark = &e.mark;

	record_constants(mark, w->config);
	record_hostname(mark, w->config, &w->hostname);
	mark->timestamp_ns = clock_real_ns();
	mark->netlinker_id = w->number;
	mark->poll = w->seen;
	mark->since_full = w->pool->since_full;
	mark->event = RECORD_EVENT_GONE;
	mark->sections |= RECORD_HAS(DIAG);
	uint64_t sockets = changes_end(w->pool->changes, was_unread, mark_gone, &e);
	mark->sections &= ~RECORD_HAS(DIAG);
	mark->event = RECORD_EVENT_POLL_END;
	mark->poll_sockets = sockets;
	shipper_mark(&w->shipper, mark);
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
	struct worker_pool *pool = w->pool;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (pool->cycle == w->seen && !pool->stop)
			pthread_cond_wait(&pool->wake, &pool->lock);
		if (pool->cycle == w->seen)
			break;
		w->seen = pool->cycle;
		if (w->number >= pool->taking_part)
			continue;
		shipper_set_tap(&w->shipper, pool->tap);
		pthread_mutex_unlock(&pool->lock);

		struct poll_result result = {0};
		cycle_work(w, &result);

		pthread_mutex_lock(&pool->lock);
		result_add(&pool->result, &result);
		if (--pool->working == 0 && pool->changes) {
			struct poll_result marks = {0};
			pthread_mutex_unlock(&pool->lock);
			changes_ship(w, &marks);
			pthread_mutex_lock(&pool->lock);
			result_add(&pool->result, &marks);
		}
		if (--pool->busy == 0) {
			uint64_t one = 1;
			ssize_t n = write(pool->done_fd, &one, sizeof(one));
			if (n != sizeof(one))
				log_err("poll", "cannot report the end of a cycle: %s", strerror(errno));
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static int worker_start(struct worker *w, unsigned number, const struct config *config,
			const struct source_config *source_config, struct dest *dest)
{
	char error[256] = "", name[] = "worker-65535"; /* as long as the kernel keeps it */

	int r = shipper_init(&w->shipper, config, dest, error, sizeof(error));
	if (r < 0) {
		log_err("poll", "%s", error);
		return r;
	}
	w->number = number;
	w->shipper.changes = w->pool->changes;
	record_constants(&w->record, config);
	w->config = config;
	w->uplinks = source_config->uplinks;
	r = shipper_set_asn(&w->shipper, source_config->asn);
	if (r < 0)
		return r;
	w->source = w->pool->ops->create(source_config, number);
	if (!w->source)
		return -errno;
	snprintf(name, sizeof(name), "worker-%hu", (unsigned short)number);
	r = thread_start(&w->thread, name, WORKER_STACK_BYTES, worker_main, w);
	w->started = r == 0;
	return r;
}

struct worker_pool *worker_pool_new(const struct config *config, const struct source_ops *source,
				    const struct source_config *source_config, struct netns_table *table,
				    struct dest *dest, int done_fd)
{
	struct worker_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->ops = source;
	pool->table = table;
	pool->done_fd = done_fd;
	/* One pass over all namespaces is one job. */
	pool->count = source->dump_all ? 1 : config->netlinkers;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pool->workers = calloc(pool->count, sizeof(*pool->workers));
	if (config->changed)
		pool->changes = changes_new(config->changed_sockets, config->full_every_ns);
	int r = pool->workers && !config->changed == !pool->changes ? 0 : -ENOMEM;
	for (unsigned i = 0; i < pool->count && r == 0; i++) {
		pool->workers[i].pool = pool;
		r = worker_start(&pool->workers[i], i, config, source_config, dest);
	}
	if (r < 0) {
		worker_pool_free(pool);
		errno = -r;
		return NULL;
	}
	return pool;
}

void worker_pool_end(struct worker_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	/* Do not wait for jobs that have not begun. */
	__atomic_store_n(&pool->next, pool->job_count, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; pool->workers && i < pool->count; i++) {
		struct worker *w = &pool->workers[i];
		if (w->started)
			pthread_join(w->thread, NULL);
		w->started = false;
	}
}

void worker_pool_free(struct worker_pool *pool)
{
	if (!pool)
		return;
	worker_pool_end(pool);
	for (unsigned i = 0; pool->workers && i < pool->count; i++) {
		struct worker *w = &pool->workers[i];
		if (w->source)
			pool->ops->free(w->source);
		if (w->pool)
			shipper_free(&w->shipper);
	}
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool->workers);
	changes_free(pool->changes);
	free(pool->jobs);
	free(pool->read);
	free(pool);
}

static int jobs_copy(struct worker_pool *pool, struct netns *const *namespaces, size_t count)
{
	if (count > pool->job_capacity) {
		struct netns **jobs = reallocarray(pool->jobs, count, sizeof(*jobs));
		if (!jobs)
			return -ENOMEM;
		pool->jobs = jobs;
		bool *read = reallocarray(pool->read, count, sizeof(*read));
		if (!read)
			return -ENOMEM;
		pool->read = read;
		pool->job_capacity = count;
	}
	if (count > 0) {
		memcpy(pool->jobs, namespaces, count * sizeof(*namespaces));
		memset(pool->read, 0, count * sizeof(*pool->read));
	}
	pool->job_count = count;
	turns_order(pool->jobs, count, pool->cycle + 1);
	return 0;
}

/* Records that a reader may miss because the destination did not take them. */
static uint64_t lost_so_far(void)
{
	return stat_get(STAT_RECORDS_QUEUE_FULL) + stat_get(STAT_RECORDS_SEND_FAILED);
}

int worker_pool_begin(struct worker_pool *pool, struct netns *const *namespaces, size_t count,
		      int64_t begin_ns, int64_t deadline_ns)
{
	struct netns *const everything[] = {NULL};

	if (pool->stop)
		return -ESHUTDOWN;
	pthread_mutex_lock(&pool->lock);
	int r = pool->ops->dump_all ? jobs_copy(pool, everything, 1) : jobs_copy(pool, namespaces, count);
	if (r == 0) {
		pool->begin_ns = begin_ns;
		pool->deadline_ns = deadline_ns;
		pool->next = 0;
		pool->result = (struct poll_result){0};
		pool->taking_part = pool->job_count < pool->count ? pool->job_count : pool->count;
		/* A cycle without jobs needs a worker, too, to report its end. */
		if (pool->taking_part == 0)
			pool->taking_part = 1;
		pool->busy = pool->working = pool->taking_part;
		if (pool->changes)
			pool->since_full = changes_begin(pool->changes, begin_ns, lost_so_far());
		pool->cycle++;
		pthread_cond_broadcast(&pool->wake);
	}
	pthread_mutex_unlock(&pool->lock);
	return r;
}

void worker_pool_result(struct worker_pool *pool, struct poll_result *result)
{
	pthread_mutex_lock(&pool->lock);
	*result = pool->result;
	turns_count(pool->jobs, pool->job_count, pool->begin_ns, result);
	pthread_mutex_unlock(&pool->lock);
}

int worker_pool_set_tally(struct worker_pool *pool, struct tally *tally)
{
	int r = 0;

	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; i < pool->count && r == 0; i++) {
		pool->workers[i].shipper.tally = tally_part_new(tally);
		r = pool->workers[i].shipper.tally ? 0 : -errno;
	}
	pthread_mutex_unlock(&pool->lock);
	return r;
}

void worker_pool_set_tap(struct worker_pool *pool, struct poll_tap *tap)
{
	pthread_mutex_lock(&pool->lock);
	pool->tap = tap;
	pthread_mutex_unlock(&pool->lock);
}
