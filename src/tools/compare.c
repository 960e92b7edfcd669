/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <linux/inet_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "findings.h"
#include "record_table.h"
#include "ss_output.h"

struct info_form info_form;

/*
 * Until 6.14 the kernel sends the upper-layer protocol to those with CAP_NET_ADMIN only, which the daemon does without:
 * there a record without the attribute is complete.
 */
static bool may_lack(const struct record_row *r, const char *field)
{
	uint64_t sent = strtoull(record_cell(r, "inet_diag_attributes"), NULL, 10);

	return !strcmp(field, "ulp_name") && !(sent >> INET_DIAG_ULP_INFO & 1) && kernel_older_than(6, 15);
}

/* ---- with the owner ---- */

/* The field that keeps the socket from being compared in this round, or NULL. */
static const struct oracle_value *restless(const struct oracle *a, const struct oracle *b)
{
	if (a->count != b->count)
		return &a->values[0];
	for (size_t i = 0; i < a->count; i++)
		if (!a->values[i].moves && strcmp(a->values[i].text, b->values[i].text) != 0)
			return &a->values[i];
	return NULL;
}

static void compare_value(const char *socket, const struct record_row *r, const struct oracle_value *a,
			  const struct oracle_value *b)
{
	const char *got = record_cell(r, a->field);

	if (may_lack(r, a->field))
		return;
	if (a->absent) {
		if (*got)
			differ("%s of \"%s\" is %s in the record, and this kernel's tcp_info ends before it",
			       a->field, socket, got);
	} else if (a->moves) {
		unsigned long long from = strtoull(a->text, NULL, 10), to = strtoull(b->text, NULL, 10);
		unsigned long long is = strtoull(got, NULL, 10);
		/* A value that has fallen was reset in between. */
		if (!*got || (from <= to && (is < from || is > to)))
			differ(
			    "%s of \"%s\", which %s, is %s in the record, %s and %s from getsockopt before and after",
			    a->field, socket, a->moves, got, a->text, b->text);
	} else if (strcmp(got, a->text) != 0) {
		differ("%s of \"%s\" is %s in the record, %s from getsockopt", a->field, socket, got,
		       a->text);
	}
	findings.compared++;
}

/*
 * The bytes beyond the fields may be anything, also something that counts time: then there is only their number
 * to compare.
 */
static void compare_tail(const struct held_socket *h, const struct record_row *r, const char *before,
			 const char *after)
{
	const char *got = record_cell(r, "tcp_info_tail");

	snprintf(info_form.tail, sizeof(info_form.tail), "%s", before);
	if (h->bare)
		return;
	if (strcmp(before, after) ? strlen(got) != strlen(before) : strcmp(got, before) != 0)
		differ("tcp_info_tail of \"%s\" is \"%s\" in the record, \"%s\" from getsockopt", h->name,
		       got, before);
	findings.compared++;
}

const char *compare_owned(struct space *s, size_t i)
{
	const struct held_socket *h = &s->population.sockets[i];
	const struct oracle *a = &s->owner[0][i], *b = &s->owner[1][i];
	const struct record_row *r;

	if (h->state < 0)
		return NULL; /* ss speaks of its subflows */
	r = record_of(s->name, a->cookie);
	if (!r) {
		/* Bound sockets are in dumps since Linux 6.8. */
		if (!h->bare || !kernel_older_than(6, 8))
			differ("no record of \"%s\" of %s", h->name, s->name);
		return NULL;
	}
	const struct oracle_value *moving = restless(a, b);
	if (moving)
		return moving->field;
	if (info_form.len && info_form.len != a->info_len)
		differ("tcp_info is %u bytes long, and %u for \"%s\"", info_form.len, a->info_len, h->name);
	info_form.len = a->info_len;
	compare_tail(h, r, a->tail, b->tail);
	for (size_t n = 0; n < a->count; n++) {
		/* Of a bound socket a dump has neither tcp_info nor an algorithm. */
		if (h->bare && (!strncmp(a->values[n].field, "tcp_info_", 9) ||
				!strncmp(a->values[n].field, "congestion_", 11)))
			continue;
		compare_value(h->name, r, &a->values[n], &b->values[n]);
	}
	return NULL;
}

/* ---- with ss ---- */

struct line_of_ss {
	const struct record_row *row;
	const char *what;
};

static uint64_t record_number(void *data, const char *field)
{
	const struct line_of_ss *l = data;

	return strtoull(record_cell(l->row, field), NULL, 10);
}

static void compare_with_ss(void *data, const char *field, const char *want)
{
	const struct line_of_ss *l = data;
	const char *got = record_cell(l->row, field);

	if (may_lack(l->row, field))
		return;
	findings.compared++;
	/* A socket without an owner has none in the record; ss prints 0. */
	if (strcmp(got, want) != 0 && !(!*got && !strcmp(want, "0")))
		differ("%s of a socket in %s (cookie %s) is %s in the record, %s from ss", field, l->what,
		       record_cell(l->row, "inet_diag_msg_socket_cookie"), got, want);
}

static const char *line_with(const char *text, uint64_t cookie, char *line, size_t size)
{
	for (const char *next; *text; text = next) {
		size_t len = strcspn(text, "\n");

		next = text + len + (text[len] == '\n');
		snprintf(line, size, "%.*s", (int)len, text);
		if (ss_line_cookie(line) == cookie)
			return line;
	}
	return NULL;
}

static bool seen_by_ss(const struct space *s, uint64_t cookie)
{
	for (size_t i = 0; i < s->seen; i++)
		if (s->seen_by_ss[i] == cookie)
			return true;
	return false;
}

/* ss shows bound sockets in some of its versions only. */
static bool shown_by_ss(const char *state)
{
	return strcmp(state, "CLOSE") != 0 && strcmp(state, "BOUND_INACTIVE") != 0;
}

const char *compare_lines(struct space *s)
{
	char first[2048], second[2048];
	const char *left = NULL;

	for (size_t i = 0; i < record_table_count(); i++) {
		const struct record_row *r = record_table_row(i);
		struct line_of_ss l = {r, record_cell(r, "inet_diag_msg_state")};
		uint64_t cookie = strtoull(record_cell(r, "inet_diag_msg_socket_cookie"), NULL, 10);

		if (strcmp(record_cell(r, "netns"), s->name) != 0 || seen_by_ss(s, cookie) ||
		    s->seen == LINES_MAX || !shown_by_ss(l.what))
			continue;
		if (!line_with(s->ss[0], cookie, first, sizeof(first)) ||
		    !line_with(s->ss[1], cookie, second, sizeof(second)) || !ss_line_rests(first, second)) {
			left = l.what;
			continue;
		}
		ss_line_walk(second, compare_with_ss, record_number, &l);
		s->seen_by_ss[s->seen++] = cookie;
	}
	return left;
}

void write_resting_lines(const struct space *s, FILE *to)
{
	char line[2048], other[2048];

	for (const char *text = s->ss[0], *next; *text; text = next) {
		size_t len = strcspn(text, "\n");

		next = text + len + (text[len] == '\n');
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		if (line_with(s->ss[1], ss_line_cookie(line), other, sizeof(other)) &&
		    ss_line_rests(line, other))
			fprintf(to, "%s\n", other);
	}
}

void compare_presence(const struct space *s)
{
	char line[2048], other[2048];

	for (const char *text = s->ss[0], *next; *text; text = next) {
		size_t len = strcspn(text, "\n");

		next = text + len + (text[len] == '\n');
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		uint64_t cookie = ss_line_cookie(line);
		if (!strncmp(line, "UNCONN", 6) || !line_with(s->ss[1], cookie, other, sizeof(other)))
			continue;
		if (!record_of(s->name, cookie))
			differ("ss shows a socket of %s that has no record: %.120s", s->name, line);
	}
}
