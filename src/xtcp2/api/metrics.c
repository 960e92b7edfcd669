/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The Prometheus text format requires the samples of a family to be adjacent,
 * after one HELP and one TYPE. stats.def keeps rows of one metric name together,
 * so one pass over it suffices. A second pass writes the compatibility family.
 * Cells are read one by one while other threads add to them: samples of one
 * scrape are not an atomic snapshot, as with any exporter.
 */
#include "api/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "stats/stats.h"
#include "version.h"

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
	const char *const parts[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		buf_str(b, parts[i]);
}

/* Write integer cells exactly, scaled ones (nanoseconds) with nine decimals. */
static void value_append(struct buf *b, const struct stat_info *info, uint64_t cell)
{
	if (info->scale == 1)
		buf_printf(b, " %" PRIu64 "\n", cell);
	else
		buf_printf(b, " %.9f\n", (double)cell / info->scale);
}

static void stats_render(struct buf *b)
{
	const char *name = "";

	for (enum stat_id id = 0; id < STAT_MAX_; id++) {
		const struct stat_info *info = &stat_table[id];
		if (strcmp(name, info->name) != 0)
			family(b, info->name, info->kind == STAT_KIND_COUNTER ? "counter" : "gauge",
			       info->help);
		name = info->name;
		buf_str(b, info->name);
		if (*info->labels)
			buf_printf(b, "{%s}", info->labels);
		value_append(b, info, stat_get(id));
	}
}

/*
 * Write the family that dashboards of the earlier xtcp2 read. It mixes counters
 * and gauges under one name without the suffix _total, so "counter" would be
 * wrong and rejected by promtool; "untyped" is accepted, and rate() ignores the
 * type.
 */
static void compatibility_render(struct buf *b)
{
	family(b, "xtcp_counts", "untyped",
	       "Counts by function and variable, for dashboards of earlier versions.");
	for (enum stat_id id = 0; id < STAT_MAX_; id++) {
		const struct stat_info *info = &stat_table[id];
		if (!*info->function)
			continue;
		bool error = strstr(info->name, "_errors_total") || strstr(info->labels, "\"error\"");
		buf_printf(b, "xtcp_counts{function=\"%s\",variable=\"%s\",type=\"%s\"}", info->function,
			   info->variable, error ? "error" : "count");
		value_append(b, info, stat_get(id));
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

/* Return the number of entries in /proc/self/fd, less the descriptor that reads it. */
static uint64_t open_descriptors(void)
{
	uint64_t count = 0;
	DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		return 0;
	for (const struct dirent *e; (e = readdir(dir));)
		count += e->d_name[0] != '.';
	closedir(dir);
	return count ? count - 1 : 0;
}

static void process_gauge(struct buf *b, const char *name, const char *help, double value)
{
	family(b, name, "gauge", help);
	buf_printf(b, "%s %.15g\n", name, value);
}

static void process_render(struct buf *b)
{
	struct process_stat s;
	struct rlimit files;
	double hz = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);

	if (process_stat_read(&s)) {
		family(b, "process_cpu_seconds_total", "counter", "User and system time of this process.");
		buf_printf(b, "process_cpu_seconds_total %.9g\n",
			   (double)(s.user_ticks + s.system_ticks) / hz);
		process_gauge(b, "process_start_time_seconds", "Start time of this process, since the epoch.",
			      (double)boot_time() + (double)s.start_ticks / hz);
		process_gauge(b, "process_resident_memory_bytes", "Resident memory.",
			      (double)s.resident_pages * page);
		process_gauge(b, "process_virtual_memory_bytes", "Virtual memory.", (double)s.virtual_bytes);
		process_gauge(b, "process_threads", "Threads.", (double)s.threads);
	}
	process_gauge(b, "process_open_fds", "Open file descriptors.", (double)open_descriptors());
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		process_gauge(b, "process_max_fds", "Limit of open file descriptors.",
			      (double)files.rlim_cur);
}

void metrics_render(struct buf *b)
{
	stats_render(b);
	family(b, "xtcp2_build_info", "gauge", "Always 1; the labels identify the build.");
	buf_str(b, "xtcp2_build_info{version=\"" XTCP2_VERSION "\"} 1\n");
	process_render(b);
	compatibility_render(b);
}
