/* SPDX-License-Identifier: MIT */
#include "api/page.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/page_live_html.h"
#include "api/page_live_js.h"
#include "api/recent.h"
#include "api/recent_groups.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/sockaddr.h"
#include "page/asset.h"
#include "page/site.h"
#include "record/format.h"
#include "stats/stats.h"
#include "version.h"

#define DATA_PATH "/page/data"

struct page {
	struct page_backend backend;
	struct recent *recent;
	struct recent_groups *groups; /* NULL without sums */
	int64_t started_ms;	      /* tells one run of the daemon from the next */
};

static const struct page_asset own_assets[] = {
    {"/", "text/html; charset=utf-8", page_live_html, &page_live_html_len},
    {"/page/live.js", "text/javascript; charset=utf-8", page_live_js, &page_live_js_len},
    {0},
};

static const struct page_asset *asset_of(const char *url)
{
	const struct page_asset *a = page_asset_find(own_assets, url);

	return a ? a : page_asset_find(page_shared_assets, url);
}

/* The request */

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static const char *argument(struct MHD_Connection *c, const char *name)
{
	const char *value = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);

	return value ? value : "";
}

/* Whether the peer is on this host, and not a proxy that says it asks for somebody else. */
static bool is_local(struct MHD_Connection *c)
{
	static const char *const forwarded[] = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct sockaddr_storage address = {0};

	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		if (header(c, forwarded[i]))
			return false;
	}
	if (!info || !info->client_addr)
		return false;
	if (info->client_addr->sa_family == AF_INET)
		memcpy(&address, info->client_addr, sizeof(struct sockaddr_in));
	else if (info->client_addr->sa_family == AF_INET6)
		memcpy(&address, info->client_addr, sizeof(struct sockaddr_in6));
	return sockaddr_is_loopback(&address);
}

/* The port of this server. */
static uint16_t own_port(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? listen_port(info->connect_fd) : 0;
}

/* A link on another site may lead to the page, but not to its data. */
static const char *refusal(const struct page *p, struct MHD_Connection *c, bool data)
{
	const struct site_headers headers = {
	    header(c, "Host"),
	    data ? header(c, "Origin") : NULL,
	    data ? header(c, "Sec-Fetch-Site") : NULL,
	};

	return site_refusal(&headers, p->backend.allow_host);
}

/* The answer */

static int queue(struct MHD_Connection *c, unsigned int status, const char *type,
		 struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	for (const struct page_header *h = page_headers; h->name; h++)
		MHD_add_response_header(response, h->name, h->value);
	int r = (int)MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static int answer_text(struct MHD_Connection *c, unsigned int status, const char *why)
{
	char text[200];

	snprintf(text, sizeof(text), "The request is refused: %s.\n", why);
	log_info("page", "%u: %s", status, why);
	return queue(c, status, "text/plain; charset=utf-8",
		     MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY));
}

static uint64_t resident_bytes(void)
{
	unsigned long long pages = 0;
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%*u %llu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void text_member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":", name);
	format_json_string(b, str_of(value));
	buf_byte(b, ',');
}

static void state_json(const struct page *p, struct buf *b)
{
	struct page_state s = {0};

	p->backend.state(p->backend.data, &s);
	buf_printf(b, "{\"run\":%" PRId64 ",\"now\":%" PRId64 ",\"poll\":%" PRIu64 ",\"daemon\":{",
		   p->started_ms, (int64_t)(clock_real_ns() / NS_PER_MS), s.polls);
	text_member(b, "version", XTCP2_VERSION);
	text_member(b, "hostname", s.hostname);
	text_member(b, "source", s.source);
	text_member(b, "destination", s.destination);
	text_member(b, "why", buf_cstr(&s.why) ? buf_cstr(&s.why) : "");
	buf_printf(b,
		   "\"ready\":%s,\"frequency_ms\":%" PRId64 ",\"records\":%" PRIu64 ",\"sent\":%" PRIu64
		   ",\"lost\":%" PRIu64 ",\"namespaces\":%" PRIu64 ",\"poll_ns\":%" PRIu64
		   ",\"poll_records\":%" PRIu64 ",\"resident_bytes\":%" PRIu64 "}",
		   s.ready ? "true" : "false", s.frequency_ns / NS_PER_MS, stat_get(STAT_RECORDS),
		   stat_get(STAT_DEST_SENT_RECORDS), s.lost, stat_get(STAT_NETNS),
		   stat_get(STAT_POLL_LAST_NS), stat_get(STAT_POLL_LAST_RECORDS), resident_bytes());
	buf_free(&s.why);
}

/* `"refused":null,"sockets":...`, or the reason why there are none. */
static void sockets_json(struct page *p, struct MHD_Connection *c, struct buf *b)
{
	const char *authorization = header(c, MHD_HTTP_HEADER_AUTHORIZATION);
	char why[600] = "";
	bool token = false;

	if (p->backend.may_read(p->backend.data, is_local(c), authorization ? authorization : "", why,
				sizeof(why), &token)) {
		recent_look(p->recent, own_port(c), clock_mono_ns());
		buf_str(b, "\"refused\":null,\"sockets\":");
		recent_json(p->recent, argument(c, "order"), b);
	} else {
		buf_str(b, "\"refused\":");
		format_json_string(b, str_of(why));
		buf_printf(b, ",\"token\":%s", token ? "true" : "false");
	}
}

static int answer_data(struct page *p, struct MHD_Connection *c)
{
	struct buf b = {0};

	state_json(p, &b);
	buf_byte(&b, ',');
	if (p->groups)
		recent_groups_json(p->groups, strtoull(argument(c, "after"), NULL, 10), &b);
	else
		buf_str(&b, "\"labels\":null,\"times\":[],\"groups\":[]");
	buf_byte(&b, ',');
	sockets_json(p, c, &b);
	buf_str(&b, "}\n");
	if (!buf_ok(&b)) {
		buf_free(&b);
		return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory for the answer");
	}
	return queue(c, MHD_HTTP_OK, "application/json",
		     MHD_create_response_from_buffer(b.len, b.data, MHD_RESPMEM_MUST_FREE));
}

static int answer_asset(struct MHD_Connection *c, const struct page_asset *a)
{
	return queue(
	    c, MHD_HTTP_OK, a->type,
	    MHD_create_response_from_buffer(*a->len, (void *)(uintptr_t)a->bytes, MHD_RESPMEM_PERSISTENT));
}

bool page_answer(struct page *p, struct MHD_Connection *c, const char *url, int *result)
{
	const struct page_asset *asset = asset_of(url);
	bool data = strcmp(url, DATA_PATH) == 0;

	if (!asset && !data)
		return false;
	const char *why = refusal(p, c, data);
	*result = why	 ? answer_text(c, MHD_HTTP_FORBIDDEN, why)
		  : data ? answer_data(p, c)
			 : answer_asset(c, asset);
	return true;
}

/* Life */

struct page *page_new(const struct page_backend *backend)
{
	struct page *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->backend = *backend;
	p->started_ms = clock_real_ns() / NS_PER_MS;
	p->recent = recent_new(backend->set_tap, backend->data);
	p->groups = backend->tally ? recent_groups_new(backend->tally) : NULL;
	if (!p->recent || (backend->tally && !p->groups)) {
		page_free(p);
		return NULL;
	}
	return p;
}

void page_end(struct page *p)
{
	if (p)
		recent_end(p->recent);
}

void page_free(struct page *p)
{
	if (!p)
		return;
	recent_free(p->recent);
	recent_groups_free(p->groups);
	free(p);
}

void page_poll_done(struct page *p, uint64_t polls)
{
	if (!p)
		return;
	recent_poll_done(p->recent, clock_mono_ns());
	if (p->groups)
		recent_groups_turn(p->groups, polls, clock_mono_ns(), clock_real_ns());
}
