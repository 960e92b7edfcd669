/* SPDX-License-Identifier: MIT */
#include "api/recent_groups.h"

#include <inttypes.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/format.h"
#include "tally/tally.h"

/* Longest name that is kept; a longer one is cut. */
#define NAME_MAX_BYTES 128

/* The row of the groups that have none of their own. */
#define OTHERS RECENT_GROUPS_MAX
#define ROWS   (RECENT_GROUPS_MAX + 1)

/* What a group did in one poll. */
struct sums {
	uint64_t sockets, connected;
	uint64_t rtt_us, rtts; /* sum and number */
	uint64_t sent, resent, received, retransmits;
};

struct row {
	char name[NAME_MAX_BYTES + 1];
	bool used;
	uint64_t seen; /* number of the point that it was seen in last */
	struct sums last;
	float rtt_us[RECENT_POINTS], retrans_rate[RECENT_POINTS]; /* NAN for none */
};

struct recent_groups {
	const struct tally *tally;
	struct row rows[ROWS];
	int64_t times_ms[RECENT_POINTS];
	uint64_t polls[RECENT_POINTS];
	uint64_t points; /* since the beginning; point i is at i % RECENT_POINTS */
	int64_t last_ns; /* end of the poll before; 0 for none */
	double seconds;	 /* from there to the end of the last poll; 0 for the first */
};

/* The values of the labels, such as "web" or "web / nginx"; "" for the groups that are one. */
static void name_of(const struct recent_groups *g, const struct tally_group *group,
		    char name[static NAME_MAX_BYTES + 1])
{
	size_t len = 0, labels = tally_label_count(g->tally);

	name[0] = '\0';
	for (size_t i = 0; i < labels && len < NAME_MAX_BYTES; i++)
		len += (size_t)snprintf(name + len, NAME_MAX_BYTES + 1 - len, "%s%.*s", i ? " / " : "",
					(int)group->values[i].len, group->values[i].p);
	if (labels == 0)
		snprintf(name, NAME_MAX_BYTES + 1, "all");
}

static struct row *row_of(struct recent_groups *g, const char *name)
{
	size_t unused = OTHERS;

	for (size_t i = 0; i < RECENT_GROUPS_MAX; i++) {
		if (g->rows[i].used && strcmp(g->rows[i].name, name) == 0)
			return &g->rows[i];
		if (!g->rows[i].used && unused == OTHERS)
			unused = i;
	}
	return &g->rows[unused];
}

static void row_begin(struct row *row, const char *name)
{
	*row = (struct row){.used = true};
	snprintf(row->name, sizeof(row->name), "%s", name);
	for (size_t i = 0; i < RECENT_POINTS; i++)
		row->rtt_us[i] = row->retrans_rate[i] = NAN;
}

static void add(struct sums *s, const struct tally_figures *f)
{
	for (size_t i = 0; i < TALLY_STATES; i++)
		s->sockets += f->sockets[i];
	s->connected += f->sockets[TCP_ESTABLISHED];
	s->rtt_us += f->rtt.sum_us;
	s->rtts += f->rtt.count;
	s->sent += f->sent_bytes;
	s->resent += f->retransmitted_bytes;
	s->received += f->received_bytes;
	s->retransmits += f->retransmitted_segments;
}

static bool is_other(const struct recent_groups *g, const struct tally_group *group)
{
	return tally_label_count(g->tally) > 0 && group == tally_next(g->tally, NULL);
}

/* Take the figures of all groups. */
static void collect(struct recent_groups *g)
{
	char name[NAME_MAX_BYTES + 1];

	for (size_t i = 0; i < ROWS; i++)
		g->rows[i].last = (struct sums){0};
	for (const struct tally_group *group = NULL; (group = tally_next(g->tally, group));) {
		bool other = is_other(g, group);
		struct sums sums = {0};

		add(&sums, &group->poll);
		if (other && !sums.sockets && !g->rows[OTHERS].used)
			continue;
		name_of(g, group, name);
		struct row *row = other ? &g->rows[OTHERS] : row_of(g, name);
		if (!row->used)
			row_begin(row, row == &g->rows[OTHERS] ? "" : name);
		add(&row->last, &group->poll);
		if (sums.sockets)
			row->seen = g->points;
	}
}

void recent_groups_turn(struct recent_groups *g, uint64_t poll, int64_t now_ns, int64_t real_ns)
{
	size_t at = g->points % RECENT_POINTS;

	g->seconds = g->last_ns ? (double)(now_ns - g->last_ns) / (double)NS_PER_SEC : 0;
	g->last_ns = now_ns;
	g->times_ms[at] = real_ns / NS_PER_MS;
	g->polls[at] = poll;
	g->points++;
	collect(g);
	for (size_t i = 0; i < ROWS; i++) {
		struct row *row = &g->rows[i];
		const struct sums *s = &row->last;

		row->rtt_us[at] = s->rtts ? (float)((double)s->rtt_us / (double)s->rtts) : NAN;
		row->retrans_rate[at] =
		    s->sockets && g->seconds > 0 ? (float)((double)s->retransmits / g->seconds) : NAN;
		if (row->used && g->points - row->seen >= RECENT_POINTS)
			row->used = false;
	}
}

/* JSON */

static void number(struct buf *b, const char *name, double value)
{
	if (isfinite(value))
		buf_printf(b, ",\"%s\":%.6g", name, value);
	else
		buf_printf(b, ",\"%s\":null", name);
}

/* First and number of the points after that poll. */
static uint64_t points_after(const struct recent_groups *g, uint64_t after, uint64_t *count)
{
	uint64_t first = g->points < RECENT_POINTS ? 0 : g->points - RECENT_POINTS;

	while (first < g->points && g->polls[first % RECENT_POINTS] <= after)
		first++;
	*count = g->points - first;
	return first;
}

static void series(struct buf *b, const char *name, const float *values, uint64_t first, uint64_t count)
{
	buf_printf(b, ",\"%s\":[", name);
	for (uint64_t i = 0; i < count; i++) {
		double value = (double)values[(first + i) % RECENT_POINTS];

		if (i)
			buf_byte(b, ',');
		if (isnan(value))
			buf_str(b, "null");
		else
			buf_printf(b, "%.6g", value);
	}
	buf_byte(b, ']');
}

static void row_json(const struct recent_groups *g, const struct row *row, uint64_t first, uint64_t count,
		     struct buf *b)
{
	const struct sums *s = &row->last;

	buf_str(b, "{\"name\":");
	format_json_string(b, str_of(row->name));
	buf_printf(b, ",\"sockets\":%" PRIu64 ",\"connected\":%" PRIu64, s->sockets, s->connected);
	/* What is divided by 0 is not known: NAN, or infinite. */
	number(b, "rtt_us", (double)s->rtt_us / (double)s->rtts);
	number(b, "send_rate", (double)s->sent / g->seconds);
	number(b, "recv_rate", (double)s->received / g->seconds);
	number(b, "retrans_rate", (double)s->retransmits / g->seconds);
	number(b, "retrans_pct", 100 * (double)s->resent / (double)s->sent);
	series(b, "rtt_series", row->rtt_us, first, count);
	series(b, "retrans_series", row->retrans_rate, first, count);
	buf_byte(b, '}');
}

void recent_groups_json(const struct recent_groups *g, uint64_t after, struct buf *b)
{
	uint64_t count, first = points_after(g, after, &count);
	bool any = false;

	buf_str(b, "\"labels\":[");
	for (size_t i = 0; i < tally_label_count(g->tally); i++)
		buf_printf(b, "%s\"%s\"", i ? "," : "", tally_label(g->tally, i));
	buf_str(b, "],\"times\":[");
	for (uint64_t i = 0; i < count; i++)
		buf_printf(b, "%s%" PRId64, i ? "," : "", g->times_ms[(first + i) % RECENT_POINTS]);
	buf_str(b, "],\"groups\":[");
	for (size_t i = 0; i < ROWS; i++) {
		if (!g->rows[i].used)
			continue;
		if (any)
			buf_byte(b, ',');
		row_json(g, &g->rows[i], first, count, b);
		any = true;
	}
	buf_byte(b, ']');
}

struct recent_groups *recent_groups_new(const struct tally *tally)
{
	struct recent_groups *g = calloc(1, sizeof(*g));

	if (g)
		g->tally = tally;
	return g;
}

void recent_groups_free(struct recent_groups *g)
{
	free(g);
}
