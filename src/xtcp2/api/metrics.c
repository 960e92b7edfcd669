/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The Prometheus text format requires the samples of a family to be adjacent,
 * after one HELP and one TYPE. stats.def keeps rows of one metric name together,
 * so one pass over it suffices. A pass over the families of figures.def writes those
 * of the sums per group, and a last pass the compatibility family.
 * Cells are read one by one while other threads add to them: samples of one
 * scrape are not an atomic snapshot, as with any exporter.
 */
#include "api/metrics.h"

#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "api/exposition.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "record/field.h"
#include "stats/stats.h"
#include "tally/tally.h"
#include "version.h"

/* Longest name of a row of stats.def, and a NUL. */
#define STAT_NAME_MAX 80

#define US_PER_S 1000000

/* Write integer cells exactly, scaled ones (nanoseconds) with nine decimals. */
static void value_append(struct buf *b, double scale, uint64_t cell)
{
	if (scale == 1)
		buf_printf(b, " %" PRIu64 "\n", cell);
	else
		buf_printf(b, " %.9f\n", (double)cell / scale);
}

/* Begin the family of a row; the name of a counter in stats.def ends in _total, as that of its samples. */
static void stat_family(struct exposition *e, const struct stat_info *info)
{
	char name[STAT_NAME_MAX];
	size_t len = strlen(info->name);

	if (info->kind == STAT_KIND_COUNTER)
		len -= strlen("_total");
	snprintf(name, sizeof(name), "%.*s", (int)len, info->name);
	exposition_family(e, name, info->kind == STAT_KIND_COUNTER ? EXPOSITION_COUNTER : EXPOSITION_GAUGE,
			  info->help);
}

static void stats_render(struct exposition *e)
{
	const char *name = "";

	for (enum stat_id id = 0; id < STAT_MAX_; id++) {
		const struct stat_info *info = &stat_table[id];
		if (strcmp(name, info->name) != 0)
			stat_family(e, info);
		name = info->name;
		buf_str(e->out, info->name);
		if (*info->labels)
			buf_printf(e->out, "{%s}", info->labels);
		value_append(e->out, info->scale, stat_get(id));
	}
}

/*
 * Write the family that dashboards of the earlier xtcp2 read. It mixes counters
 * and gauges under one name without the suffix _total, so "counter" would be
 * wrong and rejected by promtool; "untyped" is accepted, and rate() ignores the
 * type.
 */
static void compatibility_render(struct exposition *e)
{
	exposition_family(e, "xtcp_counts", EXPOSITION_UNTYPED,
			  "Counts by function and variable, for dashboards of earlier versions.");
	for (enum stat_id id = 0; id < STAT_MAX_; id++) {
		const struct stat_info *info = &stat_table[id];
		if (!*info->function)
			continue;
		bool error = strstr(info->name, "_errors_total") || strstr(info->labels, "\"error\"");
		buf_printf(e->out, "xtcp_counts{function=\"%s\",variable=\"%s\",type=\"%s\"}", info->function,
			   info->variable, error ? "error" : "count");
		value_append(e->out, info->scale, stat_get(id));
	}
}

/* Values from /proc/self/stat, see proc(5). */
struct process_stat {
	unsigned long long user_ticks, system_ticks, start_ticks, virtual_bytes;
	long long threads, resident_pages;
};

static bool process_stat_read(struct process_stat *s)
{
	char text[1024];
	FILE *f = fopen("/proc/self/stat", "re");
	size_t n = 0;

	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	/* The command name may contain blanks and parentheses: parse after the last parenthesis. */
	const char *fields = strrchr(text, ')');
	return fields && sscanf(fields + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %lld "
				"%*d %llu %llu %lld",
				&s->user_ticks, &s->system_ticks, &s->threads, &s->start_ticks,
				&s->virtual_bytes, &s->resident_pages) == 6;
}

/*
 * Return the boot time in seconds since the epoch, as of the first call, so that
 * it does not change with the clock. It is computed from the clocks, because a
 * unit may hide /proc/stat.
 */
static uint64_t boot_time(void)
{
	static uint64_t seconds;

	if (seconds == 0)
		seconds = (uint64_t)(clock_real_ns() - clock_ns(CLOCK_BOOTTIME)) / NS_PER_SEC;
	return seconds;
}

static void process_gauge(struct exposition *e, const char *name, const char *help, double value)
{
	exposition_family(e, name, EXPOSITION_GAUGE, help);
	buf_printf(e->out, "%s %.15g\n", name, value);
}

static void process_render(struct exposition *e)
{
	struct process_stat s;
	struct rlimit files;
	double hz = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);

	if (process_stat_read(&s)) {
		exposition_family(e, "process_cpu_seconds", EXPOSITION_COUNTER,
				  "User and system time of this process.");
		buf_printf(e->out, "process_cpu_seconds_total %.9g\n",
			   (double)(s.user_ticks + s.system_ticks) / hz);
		process_gauge(e, "process_start_time_seconds", "Start time of this process, since the epoch.",
			      (double)boot_time() + (double)s.start_ticks / hz);
		process_gauge(e, "process_resident_memory_bytes", "Resident memory.",
			      (double)s.resident_pages * page);
		process_gauge(e, "process_virtual_memory_bytes", "Virtual memory.", (double)s.virtual_bytes);
		process_gauge(e, "process_threads", "Threads.", (double)s.threads);
	}
	process_gauge(e, "process_open_fds", "Open file descriptors.", (double)descriptors_open());
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		process_gauge(e, "process_max_fds", "Limit of open file descriptors.",
			      (double)files.rlim_cur);
}

/* The labels of a group, and one more if it has a name. */
static void labels_append(struct exposition *e, const struct tally *t, const struct tally_group *g,
			  const char *name, const char *value)
{
	size_t count = tally_label_count(t);

	if (count == 0 && !name)
		return;
	buf_byte(e->out, '{');
	for (size_t i = 0; i < count; i++) {
		exposition_label(e, tally_label(t, i), g->values[i]);
		if (name || i + 1 < count)
			buf_byte(e->out, ',');
	}
	if (name)
		exposition_label(e, name, str_of(value));
	buf_byte(e->out, '}');
}

/* Sockets by state: states that only some kernels show, and unknown ones, where there are any. */
static void states_append(struct exposition *e, const char *name, const struct tally *t,
			  const struct tally_group *g, const uint64_t *sockets)
{
	for (uint32_t state = 0; state < TALLY_STATES; state++) {
		bool common = state >= TCP_ESTABLISHED && state <= TCP_CLOSING;
		if (!common && sockets[state] == 0)
			continue;
		buf_str(e->out, name);
		labels_append(e, t, g, "state", tcp_state_name(state));
		buf_printf(e->out, " %" PRIu64 "\n", sockets[state]);
	}
}

/* Buckets are cumulative, and named by their bound: a float in both formats, so that they do not differ. */
static void histogram_append(struct exposition *e, const char *name, const struct tally *t,
			     const struct tally_group *g, const struct tally_histogram *h)
{
	uint64_t sum = 0;
	char le[16];

	for (size_t i = 0; i <= TALLY_RTT_BOUNDS; i++) {
		sum += h->buckets[i];
		if (i == TALLY_RTT_BOUNDS)
			snprintf(le, sizeof(le), "+Inf");
		else
			snprintf(le, sizeof(le), tally_rtt_bounds_us[i] % US_PER_S ? "%g" : "%.1f",
				 tally_rtt_bounds_us[i] / (double)US_PER_S);
		buf_printf(e->out, "%s_bucket", name);
		labels_append(e, t, g, "le", le);
		buf_printf(e->out, " %" PRIu64 "\n", sum);
	}
	buf_printf(e->out, "%s_sum", name);
	labels_append(e, t, g, NULL, NULL);
	value_append(e->out, US_PER_S, h->sum_us);
	buf_printf(e->out, "%s_count", name);
	labels_append(e, t, g, NULL, NULL);
	buf_printf(e->out, " %" PRIu64 "\n", h->count);
}

static void number_append(struct exposition *e, const struct tally_family *f, const struct tally *t,
			  const struct tally_group *g, uint64_t value)
{
	buf_printf(e->out, "%s%s", f->name, f->kind == TALLY_KIND_COUNT ? "_total" : "");
	labels_append(e, t, g, NULL, NULL);
	value_append(e->out, f->scale, value);
}

static void tally_render(struct exposition *e, const struct tally *t)
{
	static const enum exposition_type types[] = {
	    [TALLY_KIND_STATES] = EXPOSITION_GAUGE,	   [TALLY_KIND_SUM] = EXPOSITION_GAUGE,
	    [TALLY_KIND_MOST] = EXPOSITION_GAUGE,	   [TALLY_KIND_COUNT] = EXPOSITION_COUNTER,
	    [TALLY_KIND_HISTOGRAM] = EXPOSITION_HISTOGRAM,
	};

	for (const struct tally_family *f = tally_families; f->name; f++) {
		exposition_family(e, f->name, types[f->kind], f->help);
		for (const struct tally_group *g = NULL; (g = tally_next(t, g));) {
			const void *poll = (const char *)&g->poll + f->offset;
			const void *total = (const char *)&g->total + f->offset;
			if (f->kind == TALLY_KIND_STATES)
				states_append(e, f->name, t, g, poll);
			else if (f->kind == TALLY_KIND_HISTOGRAM)
				histogram_append(e, f->name, t, g, total);
			else
				number_append(
				    e, f, t, g,
				    *(const uint64_t *)(f->kind == TALLY_KIND_COUNT ? total : poll));
		}
	}
}

void metrics_render(struct buf *b, const struct tally *tally, bool openmetrics)
{
	struct exposition e = {b, openmetrics};

	stats_render(&e);
	if (tally)
		tally_render(&e, tally);
	exposition_family(&e, "xtcp2_build", EXPOSITION_INFO, "Always 1; the labels identify the build.");
	buf_str(b, "xtcp2_build_info{version=\"" XTCP2_VERSION "\"} 1\n");
	process_render(&e);
	compatibility_render(&e);
	exposition_end(&e);
}
