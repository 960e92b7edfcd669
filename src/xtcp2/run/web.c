/* SPDX-License-Identifier: MIT */
/* The daemon's side of the HTTP server and its page. Main thread. */
#include "run/web.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "api/page.h"
#include "run/control.h"
#include "run/ledger.h"
#include "run/refusal.h"
#include "run/state.h"

static void state(void *data, struct page_state *s)
{
	struct daemon *d = data;

	s->hostname = d->config->hostname[0] ? d->config->hostname : d->web.hostname;
	s->source = d->source_name;
	s->destination = dest_public_name(d->dest);
	s->ready = daemon_ready(d, &s->why);
	s->polls = d->loops;
	s->lost = ledger_lost();
	s->frequency_ns = d->config->frequency_ns;
}

static bool may_read(void *data, bool loopback, const char *authorization, char *why, size_t size,
		     bool *token)
{
	struct daemon *d = data;

	return grpc_server_may_read(d->grpc, loopback, authorization, why, size, token);
}

static bool set_tap(void *data, struct poll_tap *tap)
{
	struct daemon *d = data;

	control_set_tap(d, TAP_PAGE, tap);
	return poll_running_ns(d->poll) > 0;
}

/* Names by which a browser may call this server; addresses and localhost are always among them. */
static void find_hosts(struct daemon *d)
{
	struct web *w = &d->web;
	char host[LISTEN_HOST_MAX] = "", port[LISTEN_PORT_MAX];

	gethostname(w->hostname, sizeof(w->hostname) - 1);
	listen_split(d->config->prom_listen, host, port);
	snprintf(w->hosts, sizeof(w->hosts), "%s,%s", w->hostname, host);
}

int web_start(struct daemon *d)
{
	char error[256];
	const struct page_backend backend = {
	    .data = d,
	    .allow_host = d->web.hosts,
	    .tally = d->tally,
	    .state = state,
	    .may_read = may_read,
	    .set_tap = set_tap,
	};
	struct http_options options = {
	    .listen = d->config->prom_listen,
	    .listen_fd = sockets_copy(&d->sockets, SOCKET_HTTP),
	    .prom_path = d->config->prom_path,
	    .tally = d->tally,
	    .healthy = daemon_alive,
	    .ready = daemon_ready,
	    .data = d,
	};
	if (!d->config->prom_listen[0])
		return 0;
	find_hosts(d);
	d->web.page = page_new(&backend);
	options.page = d->web.page;
	d->web.http = http_start(d->loop, &options, error, sizeof(error));
	return d->web.http ? 0 : refuse("promListen", " %s", error);
}

void web_end(struct daemon *d)
{
	page_end(d->web.page);
}

void web_stop(struct daemon *d)
{
	http_stop(d->web.http);
	page_free(d->web.page);
}

void web_poll_done(struct daemon *d)
{
	page_poll_done(d->web.page, d->loops);
}
