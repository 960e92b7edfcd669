/* SPDX-License-Identifier: MIT */
#include "poll/close_sender.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "config/config.h"
#include "enrich/uplinks.h"
#include "poll/shipper.h"
#include "stats/stats.h"
#include "tally/tally.h"

/* Longest time that a record waits for its envelope to fill up. */
#define CLOSE_SENDER_FLUSH_NS NS_PER_SEC

/* Longest time to read waiting events at the end of the daemon. */
#define CLOSE_SENDER_DRAIN_NS  (500 * NS_PER_MS)
/* The same before namespaces get numbers, on the main thread: some 50,000 events; a flood does not end
 * anyway. */
#define CLOSE_SENDER_FOLLOW_NS (50 * NS_PER_MS)

#define CLOSE_SENDER_STACK_BYTES (256 * 1024)

struct close_sender {
	struct close_events *events;
	int stop_fd; /* eventfd */
	pthread_t thread;
	bool started;
	int64_t flush_ns;

	pthread_mutex_t lock; /* guards events and what follows */
	struct shipper shipper;
	struct record record;
	int64_t flush_at;	     /* CLOCK_MONOTONIC; 0 while no record waits */
	const struct config *config; /* borrowed */
	struct hostname hostname;
	struct uplinks *uplinks; /* borrowed; NULL for none */
	struct uplink_facts uplink_facts;
};

/* Read one batch. Return whether there may be more. The caller holds the lock. */
static bool read_batch(struct close_sender *c)
{
	if (c->flush_at == 0) {
		record_hostname(&c->record, c->config, &c->hostname);
		record_uplinks(&c->record, c->uplinks, &c->uplink_facts);
	}
	int n = close_events_read(c->events, &c->record, &c->shipper.sink);

	if (n > 0 && c->flush_at == 0)
		c->flush_at = clock_mono_ns() + c->flush_ns;
	return n > 0;
}

/* Read all waiting events, for at most limit_ns. The caller holds the lock. */
static void drain(struct close_sender *c, int64_t limit_ns)
{
	int64_t until = clock_mono_ns() + limit_ns;

	while (read_batch(c) && clock_mono_ns() < until)
		;
}

static void flush(struct close_sender *c)
{
	shipper_flush(&c->shipper);
	if (c->shipper.tap)
		c->shipper.tap->hurry(c->shipper.tap);
	c->flush_at = 0;
	log_debug("close", "%llu events, %llu dropped so far",
		  (unsigned long long)stat_get(STAT_CLOSE_EVENTS),
		  (unsigned long long)stat_get(STAT_CLOSE_DROPPED));
}

/* Return the milliseconds until the envelope must be submitted, rounded up; -1 for never. */
static int wait_ms(int64_t flush_at)
{
	int64_t left = flush_at - clock_mono_ns();

	if (flush_at == 0)
		return -1;
	return left > 0 ? (int)((left + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static void *close_sender_main(void *data)
{
	struct close_sender *c = data;
	struct pollfd fds[] = {{.fd = close_events_fd(c->events), .events = POLLIN},
			       {.fd = c->stop_fd, .events = POLLIN},
			       {.fd = close_events_numbers_fd(c->events), .events = POLLIN}};
	int64_t flush_at = 0;

	for (;;) {
		int n = poll(fds, ARRAY_SIZE(fds), wait_ms(flush_at));
		if (n < 0 && errno != EINTR) {
			log_err("close", "poll: %s", strerror(errno));
			break;
		}
		bool stop = n > 0 && fds[1].revents;
		pthread_mutex_lock(&c->lock);
		if (stop)
			drain(c, CLOSE_SENDER_DRAIN_NS);
		else
			read_batch(c);
		if (stop || (c->flush_at && clock_mono_ns() >= c->flush_at))
			flush(c);
		flush_at = c->flush_at;
		pthread_mutex_unlock(&c->lock);
		if (stop)
			break;
	}
	return NULL;
}

static int start(struct close_sender *c)
{
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (c->stop_fd < 0)
		return -errno;
	int r = thread_start(&c->thread, "closer", CLOSE_SENDER_STACK_BYTES, close_sender_main, c);
	c->started = r == 0;
	return r;
}

struct close_sender *close_sender_new(const struct config *config, const struct source_config *source,
				      struct close_events *events, struct dest *dest)
{
	char error[256] = "";
	struct close_sender *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->events = events;
	c->uplinks = source->uplinks;
	c->stop_fd = -1;
	c->flush_ns =
	    config->frequency_ns < CLOSE_SENDER_FLUSH_NS ? config->frequency_ns : CLOSE_SENDER_FLUSH_NS;
	pthread_mutex_init(&c->lock, NULL);
	int r = shipper_init(&c->shipper, config, dest, error, sizeof(error));
	if (r == 0)
		r = shipper_set_asn(&c->shipper, source->asn);
	if (r == 0) {
		record_constants(&c->record, config);
		c->config = config;
		/* The number after those of the workers. */
		c->record.netlinker_id = config->netlinkers;
		r = start(c);
	}
	if (r < 0) {
		log_err("close", "cannot follow closed connections: %s", error[0] ? error : strerror(-r));
		close_sender_free(c);
		errno = -r;
		return NULL;
	}
	return c;
}

void close_sender_end(struct close_sender *c)
{
	if (!c || !c->started)
		return;
	eventfd_write(c->stop_fd, 1);
	pthread_join(c->thread, NULL);
	c->started = false;
}

void close_sender_free(struct close_sender *c)
{
	if (!c)
		return;
	close_sender_end(c);
	cleanup_closep(&c->stop_fd);
	shipper_free(&c->shipper);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void close_sender_follow(struct close_sender *c, struct netns *const *entries, size_t count)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	drain(c, CLOSE_SENDER_FOLLOW_NS);
	/* Wake the thread: its time-out does not cover the records read here. */
	if (c->flush_at)
		flush(c);
	close_events_follow(c->events, entries, count);
	pthread_mutex_unlock(&c->lock);
}

int close_sender_set_tally(struct close_sender *c, struct tally *tally)
{
	if (!c)
		return 0;
	pthread_mutex_lock(&c->lock);
	c->shipper.tally = tally_part_new(tally);
	int r = c->shipper.tally ? 0 : -errno;
	pthread_mutex_unlock(&c->lock);
	return r;
}

void close_sender_set_tap(struct close_sender *c, struct poll_tap *tap)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	shipper_set_tap(&c->shipper, tap);
	pthread_mutex_unlock(&c->lock);
}
