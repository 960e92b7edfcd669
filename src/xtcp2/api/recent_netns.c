/* SPDX-License-Identifier: MIT */
#include "api/recent_netns.h"

#include <inttypes.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/format.h"

/* Longest name that is kept; a longer one is cut. */
#define NAME_MAX_BYTES 128

/* The row where namespaces are added up that have none of their own. */
#define OTHERS RECENT_NETNS_MAX
#define ROWS   (RECENT_NETNS_MAX + 1)

struct sums {
	uint64_t sockets, connected;
	uint64_t rtt_us, rtts; /* sum and number */
	uint32_t rtt_max_us;
	double rates[VIEW_RATE_MAX_]; /* VIEW_NONE while no socket has one */
};

struct row {
	char name[NAME_MAX_BYTES + 1];
	bool used;
	uint64_t seen; /* number of the point that it was seen in last */
	struct sums now, last;
	float rtt_us[RECENT_POINTS], retrans_rate[RECENT_POINTS]; /* NAN for none */
};

struct recent_netns {
	struct row rows[ROWS];
	int64_t times_ms[RECENT_POINTS];
	uint64_t polls[RECENT_POINTS];
	uint64_t points; /* since the beginning; point i is at i % RECENT_POINTS */
	size_t last_row; /* of the socket before: sockets come by namespace */
};

static const struct sums no_sums = {.rates = {VIEW_NONE, VIEW_NONE, VIEW_NONE}};

static void row_begin(struct row *row, struct str name)
{
	size_t len = name.len < NAME_MAX_BYTES ? name.len : NAME_MAX_BYTES;

	*row = (struct row){.used = true, .now = no_sums, .last = no_sums};
	memcpy(row->name, name.p, len);
	for (size_t i = 0; i < RECENT_POINTS; i++)
		row->rtt_us[i] = row->retrans_rate[i] = NAN;
}

static bool is_called(const struct row *row, struct str name)
{
	size_t len = name.len < NAME_MAX_BYTES ? name.len : NAME_MAX_BYTES;

	return row->used && memcmp(row->name, name.p, len) == 0 && row->name[len] == '\0';
}

static struct row *row_of(struct recent_netns *n, struct str name)
{
	size_t unused = OTHERS;

	if (!name.p)
		name = str_of("");
	if (is_called(&n->rows[n->last_row], name))
		return &n->rows[n->last_row];
	for (size_t i = 0; i < RECENT_NETNS_MAX; i++) {
		if (is_called(&n->rows[i], name)) {
			n->last_row = i;
			return &n->rows[i];
		}
		if (!n->rows[i].used && unused == OTHERS)
			unused = i;
	}
	n->last_row = unused;
	if (!n->rows[unused].used)
		row_begin(&n->rows[unused], unused == OTHERS ? (struct str){"", 0} : name);
	return &n->rows[unused];
}

void recent_netns_take(struct recent_netns *n, const struct record *r,
		       const double rates[static VIEW_RATE_MAX_])
{
	struct sums *s = &row_of(n, r->netns)->now;
	bool connected = r->inet_diag_msg_state == TCP_ESTABLISHED;

	s->sockets++;
	s->connected += connected;
	if (connected && r->sections & RECORD_HAS(TCP_INFO) && r->tcp_info_rtt) {
		s->rtt_us += r->tcp_info_rtt;
		s->rtts++;
		if (r->tcp_info_rtt > s->rtt_max_us)
			s->rtt_max_us = r->tcp_info_rtt;
	}
	for (size_t i = 0; i < VIEW_RATE_MAX_; i++) {
		if (rates[i] >= 0)
			s->rates[i] = s->rates[i] < 0 ? rates[i] : s->rates[i] + rates[i];
	}
}

void recent_netns_turn(struct recent_netns *n, uint64_t poll, int64_t real_ns)
{
	size_t at = n->points % RECENT_POINTS;

	n->times_ms[at] = real_ns / NS_PER_MS;
	n->polls[at] = poll;
	n->points++;
	for (size_t i = 0; i < ROWS; i++) {
		struct row *row = &n->rows[i];
		const struct sums *s = &row->now;

		if (!row->used)
			continue;
		if (s->sockets)
			row->seen = n->points;
		row->rtt_us[at] = s->rtts ? (float)((double)s->rtt_us / (double)s->rtts) : NAN;
		row->retrans_rate[at] =
		    s->rates[VIEW_RETRANS_RATE] < 0 ? NAN : (float)s->rates[VIEW_RETRANS_RATE];
		row->last = row->now;
		row->now = no_sums;
		if (n->points - row->seen >= RECENT_POINTS)
			row->used = false;
	}
}

/* JSON */

static void number(struct buf *b, const char *name, double value)
{
	if (isnan(value) || value < 0)
		buf_printf(b, ",\"%s\":null", name);
	else
		buf_printf(b, ",\"%s\":%.6g", name, value);
}

/* First and number of the points after that poll. */
static uint64_t points_after(const struct recent_netns *n, uint64_t after, uint64_t *count)
{
	uint64_t first = n->points < RECENT_POINTS ? 0 : n->points - RECENT_POINTS;

	while (first < n->points && n->polls[first % RECENT_POINTS] <= after)
		first++;
	*count = n->points - first;
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

static void row_json(const struct row *row, uint64_t first, uint64_t count, struct buf *b)
{
	const struct sums *s = &row->last;

	buf_str(b, "{\"name\":");
	format_json_string(b, str_of(row->name));
	buf_printf(b, ",\"sockets\":%" PRIu64 ",\"connected\":%" PRIu64, s->sockets, s->connected);
	number(b, "rtt_us", s->rtts ? (double)s->rtt_us / (double)s->rtts : NAN);
	number(b, "rtt_max_us", s->rtts ? (double)s->rtt_max_us : NAN);
	number(b, "send_rate", s->rates[VIEW_SEND_RATE]);
	number(b, "recv_rate", s->rates[VIEW_RECV_RATE]);
	number(b, "retrans_rate", s->rates[VIEW_RETRANS_RATE]);
	series(b, "rtt_series", row->rtt_us, first, count);
	series(b, "retrans_series", row->retrans_rate, first, count);
	buf_byte(b, '}');
}

void recent_netns_json(const struct recent_netns *n, uint64_t after, struct buf *b)
{
	uint64_t count, first = points_after(n, after, &count);
	bool any = false;

	buf_str(b, "\"times\":[");
	for (uint64_t i = 0; i < count; i++)
		buf_printf(b, "%s%" PRId64, i ? "," : "", n->times_ms[(first + i) % RECENT_POINTS]);
	buf_str(b, "],\"namespaces\":[");
	for (size_t i = 0; i < ROWS; i++) {
		if (!n->rows[i].used)
			continue;
		if (any)
			buf_byte(b, ',');
		row_json(&n->rows[i], first, count, b);
		any = true;
	}
	buf_byte(b, ']');
}

struct recent_netns *recent_netns_new(void)
{
	return calloc(1, sizeof(struct recent_netns));
}

void recent_netns_free(struct recent_netns *n)
{
	free(n);
}
