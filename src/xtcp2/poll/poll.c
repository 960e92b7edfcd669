/* SPDX-License-Identifier: MIT */
#include "poll/poll.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "netns/files.h"
#include "poll/worker.h"
#include "stats/stats.h"
#include "tally/tally.h"

/* Interval between two log lines about incomplete polls. */
#define POLL_LOG_NS (60 * NS_PER_SEC)

struct poll {
	struct loop *loop;
	const struct config *config;
	struct netns_table *table;
	struct worker_pool *pool;
	struct tally *tally;	 /* NULL for none */
	struct loop_watch tick;	 /* the next cycle of the timer */
	struct loop_watch burst; /* the next cycle of a burst */
	struct loop_watch done;	 /* eventfd: the pool has finished */
	void (*on_done)(void *data, const struct poll_result *result);
	void *data;
	int64_t frequency_ns, timeout_ns;
	int64_t next_tick_ns; /* CLOCK_MONOTONIC, before jitter */
	int64_t begin_ns;     /* of the running cycle; 0 while idle */
	uint32_t burst_left;
	int64_t burst_interval_ns;
	bool pending; /* a trigger came while a cycle ran */
	bool prompt;  /* no delays at random */
	bool ended;   /* poll_end() was called: no cycle begins */
	struct poll_result last;
	bool has_last, complete_before; /* a cycle has ended; the cycle before the last was complete */
	bool few_files;			/* more namespaces than sockets that may stay open */
};

int64_t poll_delay_ns(int64_t frequency_ns, uint32_t jitter_pct, bool first)
{
	int64_t most = frequency_ns / 100 * jitter_pct;
	uint64_t random;

	if (first && most > POLL_FIRST_DELAY_MAX_NS)
		most = POLL_FIRST_DELAY_MAX_NS;
	if (most <= 0 || getrandom(&random, sizeof(random), 0) != sizeof(random))
		return 0;
	return (int64_t)(random % (uint64_t)most);
}

/* Set the timer to next_tick_ns, plus a delay at random. */
static int tick_set(struct poll *p, bool first)
{
	uint32_t pct = p->prompt ? 0 : p->config->poll_jitter_pct;
	int64_t delay = p->next_tick_ns + poll_delay_ns(p->frequency_ns, pct, first) - clock_mono_ns();

	return loop_timer_set(&p->tick, delay > 0 ? delay : 1, 0);
}

/* Arm the next tick: on a fixed grid, so that neither slow cycles nor delays make it drift. */
static void tick_arm(struct poll *p)
{
	int64_t now = clock_mono_ns();

	p->next_tick_ns += p->frequency_ns;
	if (p->next_tick_ns <= now)
		p->next_tick_ns = now + p->frequency_ns;
	tick_set(p, false);
}

/* Return the length of the text without its line feed. */
static int line_len(const struct buf *text)
{
	return text->len > 0 ? (int)text->len - 1 : 0;
}

static void few_files_text(const struct poll *p, struct buf *text)
{
	size_t count;

	netns_table_entries(p->table, &count);
	buf_printf(
	    text,
	    "%zu namespaces, and descriptors to keep %zu open: the others are entered anew in each poll, "
	    "which costs time; raise the limit of open files (LimitNOFILE=, ulimit -n)\n",
	    count, netns_files_kept_max());
}

/* Log once when there are more namespaces than sockets that may stay open, which makes polls slower. */
static void note_few_files(struct poll *p)
{
	_cleanup_buf_ struct buf text = {0};
	size_t count;

	netns_table_entries(p->table, &count);
	bool few = count > netns_files_kept_max();
	if (few && !p->few_files) {
		few_files_text(p, &text);
		log_notice("poll", "%.*s", line_len(&text), (const char *)text.data);
	}
	p->few_files = few;
}

static int cycle_begin(struct poll *p)
{
	if (p->ended)
		return -ESHUTDOWN;
	if (p->begin_ns)
		return -EBUSY;
	p->begin_ns = clock_mono_ns();
	stat_add(STAT_POLLS, 1);
	if (p->config->reconcile_before_poll)
		netns_table_scan(p->table);
	netns_files_trim(p->table);
	note_few_files(p);

	if (p->tally)
		tally_begin(p->tally, p->begin_ns);
	size_t count;
	struct netns **entries = netns_table_entries(p->table, &count);
	int r = worker_pool_begin(p->pool, entries, count, p->begin_ns, clock_mono_ns() + p->timeout_ns);
	if (r < 0) {
		log_err("poll", "cannot begin a cycle over %zu namespaces: %s", count, strerror(-r));
		p->begin_ns = 0;
	}
	return r;
}

static void on_tick(struct loop_watch *w, uint32_t events)
{
	struct poll *p = w->data;

	loop_timer_read(w);
	if (cycle_begin(p) == -EBUSY)
		stat_add(STAT_POLL_LATE, 1);
	tick_arm(p);
}

static void on_burst(struct loop_watch *w, uint32_t events)
{
	struct poll *p = w->data;

	loop_timer_read(w);
	/* One that meets a running cycle is made an interval later: the burst has its count. */
	if (cycle_begin(p) == -EBUSY)
		stat_add(STAT_POLL_LATE, 1);
	else if (p->burst_left > 0)
		p->burst_left--;
	if (p->burst_left > 0)
		loop_timer_set(w, p->burst_interval_ns, 0);
}

/* Append the reason why the last cycle left namespaces unread, with the remedy. */
static void incomplete_text(const struct poll *p, struct buf *why)
{
	const struct poll_result *last = &p->last;

	buf_printf(why, "the last poll left %u of %u namespaces unread, ", last->unread, last->of);
	if (last->no_files)
		buf_printf(
		    why,
		    "%u for want of descriptors: raise the limit of open files (LimitNOFILE=, ulimit -n)",
		    last->no_files);
	else if (last->cut)
		buf_printf(why, "cut at -timeout %lld ms: raise it, or -netlinkers (now %u)",
			   (long long)(p->timeout_ns / NS_PER_MS), p->config->netlinkers);
	else
		buf_str(why, "their dumps failed (xtcp2_netlink_errors_total)");
	buf_str(why, "; the next poll begins with them\n");
}

bool poll_complete(const struct poll *p, struct buf *why)
{
	if (p->last.unread > 0)
		incomplete_text(p, why);
	else if (p->few_files)
		few_files_text(p, why);
	return p->last.unread == 0 || p->complete_before;
}

/* Log that polls are incomplete, at most once per POLL_LOG_NS. */
static void warn_incomplete(const struct poll *p)
{
	static struct log_limit limit;
	_cleanup_buf_ struct buf why = {0};
	uint64_t suppressed;

	if (p->last.unread == 0 || !log_limit_pass(&limit, POLL_LOG_NS, &suppressed))
		return;
	incomplete_text(p, &why);
	log_warn("poll", "%.*s; %llu more polls like this since the last such line", line_len(&why),
		 (const char *)why.data, (unsigned long long)suppressed);
}

static void on_cycle_done(struct loop_watch *w, uint32_t events)
{
	struct poll *p = w->data;
	struct poll_result result;
	uint64_t ignored;

	if (read(w->fd, &ignored, sizeof(ignored)) != sizeof(ignored))
		return;
	worker_pool_result(p->pool, &result);
	if (p->tally)
		tally_end(p->tally, !result.cut && result.partial == 0 && result.unread == 0);
	result.duration_ns = clock_mono_ns() - p->begin_ns;
	p->begin_ns = 0;
	stat_add(STAT_POLL_CUT, result.cut);
	stat_add(STAT_POLL_NS_SUM, result.duration_ns);
	stat_set(STAT_POLL_LAST_NS, result.duration_ns);
	stat_set(STAT_POLL_LAST_END_NS, clock_real_ns());
	stat_set(STAT_POLL_LAST_RECORDS, result.records);
	log_debug("poll", "%llu records of %u namespaces in %lld us%s", (unsigned long long)result.records,
		  result.namespaces, (long long)result.duration_ns / 1000,
		  result.cut ? ", cut at the time-out" : "");
	p->complete_before = p->has_last && p->last.unread == 0;
	p->has_last = true;
	p->last = result;
	stat_set(STAT_NETNS_UNREAD, result.unread);
	stat_set(STAT_NETNS_OLDEST_NS, result.oldest_ns);
	warn_incomplete(p);
	if (p->on_done)
		p->on_done(p->data, &result);
	if (p->pending) {
		p->pending = false;
		cycle_begin(p);
	}
}

int poll_trigger(struct poll *p)
{
	int r = cycle_begin(p);

	if (r == -EBUSY)
		p->pending = true;
	return r;
}

int poll_burst(struct poll *p, uint32_t count, int64_t interval_ns)
{
	if (p->burst_left > 0)
		return -EBUSY;
	p->burst_left = count;
	p->burst_interval_ns = interval_ns;
	return loop_timer_set(&p->burst, 1, 0);
}

int poll_set_frequency(struct poll *p, int64_t frequency_ns, int64_t timeout_ns)
{
	p->frequency_ns = frequency_ns;
	p->timeout_ns = timeout_ns;
	p->next_tick_ns = clock_mono_ns();
	tick_arm(p);
	return 0;
}

int poll_set_tally(struct poll *p, struct tally *tally)
{
	p->tally = tally;
	return worker_pool_set_tally(p->pool, tally);
}

void poll_set_tap(struct poll *p, struct poll_tap *tap)
{
	worker_pool_set_tap(p->pool, tap);
}

int64_t poll_running_ns(const struct poll *p)
{
	return p->begin_ns ? clock_mono_ns() - p->begin_ns : 0;
}

int poll_start(struct poll *p, bool prompt, void (*on_done)(void *data, const struct poll_result *result),
	       void *data)
{
	p->prompt = prompt;
	p->on_done = on_done;
	p->data = data;
	p->next_tick_ns = clock_mono_ns();
	return tick_set(p, true);
}

static int watches_open(struct poll *p)
{
	int r = loop_timer_open(p->loop, &p->tick);

	if (r == 0)
		r = loop_timer_open(p->loop, &p->burst);
	if (r < 0)
		return r;
	p->done.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return p->done.fd < 0 ? -errno : loop_add(p->loop, &p->done, EPOLLIN);
}

struct poll *poll_new(struct loop *loop, const struct config *config, const struct source_ops *source,
		      const struct source_config *source_config, struct netns_table *table, struct dest *dest)
{
	struct poll *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct poll){
	    .loop = loop,
	    .config = config,
	    .table = table,
	    .tick = {.fd = -1, .name = "poll tick", .fn = on_tick, .data = p},
	    .burst = {.fd = -1, .name = "poll burst", .fn = on_burst, .data = p},
	    .done = {.fd = -1, .name = "poll done", .fn = on_cycle_done, .data = p},
	    .frequency_ns = config->frequency_ns,
	    .timeout_ns = config->timeout_ns,
	};
	int r = watches_open(p);
	if (r == 0) {
		p->pool = worker_pool_new(config, source, source_config, table, dest, p->done.fd);
		r = p->pool ? 0 : -errno;
	}
	netns_files_plan(config->netlinkers);
	if (r < 0) {
		log_err("poll", "cannot start the workers: %s", strerror(-r));
		poll_free(p);
		errno = -r;
		return NULL;
	}
	return p;
}

void poll_end(struct poll *p)
{
	if (!p)
		return;
	p->ended = true;
	worker_pool_end(p->pool);
}

void poll_free(struct poll *p)
{
	if (!p)
		return;
	worker_pool_free(p->pool);
	loop_timer_close(p->loop, &p->tick);
	loop_timer_close(p->loop, &p->burst);
	if (p->done.fd >= 0) {
		loop_remove(p->loop, &p->done);
		close(p->done.fd);
	}
	free(p);
}
