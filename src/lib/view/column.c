/* SPDX-License-Identifier: MIT */
#include "view/column.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/suggest.h"
#include "record/field_info.h"
#include "record/format.h"

struct made_column {
	const char *name, *heading, *meaning;
	void (*text)(struct buf *b, const struct record *r); /* NULL for a number */
	double (*number)(const struct record *r, const double *rates);
	bool adds_up;
	enum view_elide elide;
};

/* Texts */

static void endpoint(struct buf *b, struct str address, uint32_t port)
{
	bool six = address.len == 16;

	if (address.len != 4 && !six)
		return;
	if (six)
		buf_byte(b, '[');
	format_address(b, address);
	if (six)
		buf_byte(b, ']');
	buf_byte(b, ':');
	if (port)
		format_u64(b, port);
	else
		buf_byte(b, '*');
}

static void local_text(struct buf *b, const struct record *r)
{
	if (r->sections & RECORD_HAS(DIAG))
		endpoint(b, r->inet_diag_msg_socket_source, r->inet_diag_msg_socket_source_port);
}

static void remote_text(struct buf *b, const struct record *r)
{
	if (r->sections & RECORD_HAS(DIAG))
		endpoint(b, r->inet_diag_msg_socket_destination, r->inet_diag_msg_socket_destination_port);
}

/* The short names of ss(8). */
static void state_text(struct buf *b, const struct record *r)
{
	const char *name = tcp_state_name(r->inet_diag_msg_state);

	if (r->sections & RECORD_HAS(DIAG))
		buf_str(b, strcmp(name, "ESTABLISHED") == 0 ? "ESTAB" : name);
}

/* "nginx/1234", "nginx/1234+3" when three more processes hold the socket. */
static void owner_text(struct buf *b, const struct record *r)
{
	if (!r->pid)
		return;
	buf_append(b, r->comm.p, r->comm.len);
	buf_printf(b, "/%u", (unsigned)r->pid);
	if (r->owner_count)
		buf_printf(b, "+%u", (unsigned)r->owner_count);
}

/* The name, or as much of the id as Docker's commands show. */
#define CONTAINER_ID_SHOWN 12

static void container_text(struct buf *b, const struct record *r)
{
	uint32_t id = r->container_id.len < CONTAINER_ID_SHOWN ? r->container_id.len : CONTAINER_ID_SHOWN;

	if (r->container_name.len)
		buf_append(b, r->container_name.p, r->container_name.len);
	else
		buf_append(b, r->container_id.p, id);
}

/* Numbers */

static double send_rate(const struct record *r, const double *rates)
{
	return rates[VIEW_SEND_RATE];
}

static double recv_rate(const struct record *r, const double *rates)
{
	return rates[VIEW_RECV_RATE];
}

static double retrans_rate(const struct record *r, const double *rates)
{
	return rates[VIEW_RETRANS_RATE];
}

static double retrans_pct(const struct record *r, const double *rates)
{
	if (!(r->sections & RECORD_HAS(TCP_INFO)) || r->tcp_info_bytes_sent == 0)
		return VIEW_NONE;
	return 100.0 * (double)r->tcp_info_bytes_retrans / (double)r->tcp_info_bytes_sent;
}

static const struct made_column made[] = {
    {"state", "STATE", "state, ESTAB for ESTABLISHED", .text = state_text},
    {"owner", "OWNER", "process that holds the socket: name and number", .text = owner_text,
     .elide = VIEW_MIDDLE},
    {"container", "CONTAINER", "name of the container, or the beginning of its id", .text = container_text,
     .elide = VIEW_END},
    {"local", "LOCAL", "local address and port", .text = local_text, .elide = VIEW_MIDDLE},
    {"remote", "REMOTE", "remote address and port", .text = remote_text, .elide = VIEW_MIDDLE},
    {"send_rate", "SEND/S", "bytes acknowledged per second, between two polls", .number = send_rate,
     .adds_up = true},
    {"recv_rate", "RECV/S", "bytes received per second, between two polls", .number = recv_rate,
     .adds_up = true},
    {"retrans_rate", "RETR/S", "segments retransmitted per second, between two polls", .number = retrans_rate,
     .adds_up = true},
    {"retrans_pct", "RETR%", "share of the bytes sent that were retransmitted, since the connection began",
     .number = retrans_pct},
};

static void set_made(struct view_column *c, const struct made_column *m)
{
	*c = (struct view_column){.made = m, .name = m->name, .text = m->text != NULL, .elide = m->elide};
	snprintf(c->heading, sizeof(c->heading), "%s", m->heading);
}

static void set_field(struct view_column *c, const struct record_field *f)
{
	enum field_kind kind = f->kind;
	const char *shown = record_field_short_name(f);
	bool time = field_unit_ns(record_field_unit(f)) && kind != FIELD_TIME;

	*c = (struct view_column){.field = f, .name = f->name};
	c->text = kind == FIELD_STR || kind == FIELD_BYTES || kind == FIELD_ADDR || kind == FIELD_STATE ||
		  kind == FIELD_CC || kind == FIELD_TIME;
	c->elide = kind == FIELD_STR ? VIEW_END : kind == FIELD_ADDR ? VIEW_MIDDLE : VIEW_WHOLE;
	snprintf(c->heading, sizeof(c->heading), "%.20s%s", *shown ? shown : c->name, time ? "_ms" : "");
	for (char *p = c->heading; *p; p++)
		*p = (char)toupper((unsigned char)*p);
}

static bool is_heading(const struct view_column *c, const char *name, size_t len)
{
	return strlen(c->heading) == len && strncasecmp(c->heading, name, len) == 0;
}

bool view_column_find(struct view_column *c, const char *name, size_t len)
{
	const struct record_field *f = record_field_find(name, len);

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		set_made(c, &made[i]);
		if (strlen(made[i].name) == len && memcmp(made[i].name, name, len) == 0)
			return true;
	}
	if (f) {
		set_field(c, f);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		set_made(c, &made[i]);
		if (is_heading(c, name, len))
			return true;
	}
	for (size_t i = 0; i < record_field_count; i++) {
		set_field(c, &record_fields[i]);
		if (is_heading(c, name, len))
			return true;
	}
	*c = (struct view_column){0};
	return false;
}

void view_column_suggest(struct suggest *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		suggest_offer(s, made[i].name);
	record_field_suggest(s);
}

/* As people read them: 999, 1.2K, 35M. */
static void scaled(struct buf *b, double value)
{
	static const char units[] = " KMGTPE";
	size_t unit = 0;

	while (value >= 999.5 && unit + 2 < sizeof(units)) {
		value /= 1000;
		unit++;
	}
	/* 9.95 and more would be shown as 10.0. */
	buf_printf(b, value < 9.95 && unit ? "%.1f" : "%.0f", value);
	if (unit)
		buf_byte(b, (uint8_t)units[unit]);
}

static void milliseconds(struct buf *b, double ms)
{
	buf_printf(b, ms < 9.995 ? "%.2f" : ms < 99.95 ? "%.1f" : "%.0f", ms);
}

void view_number(struct buf *b, const struct view_column *c, double value)
{
	enum field_unit unit = c->field ? record_field_unit(c->field) : FIELD_UNIT_NONE;

	if (value < 0)
		return;
	if (c->made && c->made->number == retrans_pct)
		buf_printf(b, "%.2f", value);
	else if (c->made && c->made->number == retrans_rate)
		buf_printf(b, value > 0 && value < 9.95 ? "%.1f" : "%.0f", value);
	else if (field_unit_ns(unit))
		milliseconds(b, value * (double)field_unit_ns(unit) / 1e6);
	else if (unit == FIELD_UNIT_NONE && c->field)
		buf_printf(b, "%.0f", value);
	else
		scaled(b, value);
}

/* The kernel sends tcp_info for a listener, too, whose round-trip time is 0: nothing to show. */
static bool known(const struct view_column *c, const struct record *r)
{
	return record_field_present(r, c->field) &&
	       (record_field_section(c->field) != RECORD_SECTION_TCP_INFO || r->inet_diag_msg_state != 10);
}

double view_value(const struct view_column *c, const struct record *r,
		  const double rates[static VIEW_RATE_MAX_])
{
	if (c->text)
		return VIEW_NONE;
	if (c->made)
		return c->made->number(r, rates);
	return known(c, r) ? (double)record_field_number(r, c->field) : VIEW_NONE;
}

/* Names come from other hosts and processes: nothing that a terminal obeys. */
static void harmless(struct buf *b, size_t from)
{
	for (size_t i = from; i < b->len; i++) {
		uint8_t *c = &b->data[i];
		bool c1 = *c >= 0x80 && *c < 0xa0 && (i == from || c[-1] == 0xc2 || c[-1] < 0x80);

		if (*c < ' ' || *c == 0x7f || c1)
			*c = '?';
	}
}

void view_cell(struct buf *b, const struct view_column *c, const struct record *r,
	       const double rates[static VIEW_RATE_MAX_])
{
	size_t from = b->len;

	if (c->made && c->text)
		c->made->text(b, r);
	else if (!c->text && c->field && record_field_unit(c->field) == FIELD_UNIT_NONE) {
		if (known(c, r)) /* exact: a double has no room for a cookie */
			format_u64(b, record_field_number(r, c->field));
	} else if (!c->text)
		view_number(b, c, view_value(c, r, rates));
	else if (record_field_present(r, c->field))
		format_field(b, r, c->field);
	harmless(b, from);
}

void view_json(struct buf *b, const struct view_column *c, const struct record *r,
	       const double rates[static VIEW_RATE_MAX_])
{
	_cleanup_buf_ struct buf text = {0};
	double value = view_value(c, r, rates);

	if (c->text) {
		if (c->made)
			c->made->text(&text, r);
		else if (record_field_present(r, c->field))
			format_field(&text, r, c->field);
		if (text.len)
			format_json_string(b, (struct str){(const char *)text.data, (uint32_t)text.len});
		else
			buf_str(b, "null");
	} else if (c->field && record_field_present(r, c->field)) {
		format_u64(b, record_field_number(r, c->field));
	} else if (c->made && value >= 0) {
		buf_printf(b, "%.6g", value);
	} else {
		buf_str(b, "null");
	}
}

bool view_adds_up(const struct view_column *c)
{
	enum field_unit unit = c->field ? record_field_unit(c->field) : FIELD_UNIT_NONE;

	if (c->made)
		return c->made->adds_up;
	return unit == FIELD_UNIT_BYTES || unit == FIELD_UNIT_BYTES_PER_S || unit == FIELD_UNIT_SEGMENTS ||
	       unit == FIELD_UNIT_PACKETS;
}

void view_columns_names(struct buf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		buf_printf(b, "%s\n", made[i].name);
}

void view_columns_help(struct buf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		buf_printf(b, "%-15s %s\n", made[i].name, made[i].meaning);
}
