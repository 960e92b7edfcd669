/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * libmicrohttpd implements the protocol and never waits: its epoll descriptor is
 * one watch of the main loop, and a timer runs its time-outs. When either fires,
 * MHD_run() handles the ready connections and returns. Answers are complete
 * before they are queued, so a slow reader costs one buffer until its time-out
 * and delays nobody. Connections are bounded in number, memory and time:
 * libmicrohttpd's own time-out restarts with each byte, so a conn_guard enforces
 * deadlines for a whole request and a whole answer, and closes the oldest
 * connection if a new one needs room.
 */
#include "api/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/exposition.h"
#include "api/metrics.h"
#include "api/page.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/conn_guard.h"
#include "base/fetch.h"
#include "base/listen.h"
#include "base/log.h"
#include "stats/stats.h"

/* Concurrent connections: a few scrapers and probes, and spare room. Beyond it the oldest is closed. */
#define HTTP_CONNECTIONS_MAX	   256
/* Extra connections: those being closed, and new ones while none is old enough to be closed. */
#define HTTP_CONNECTIONS_MORE	   64
/* A connection is closed if it has not sent a request, first line to last header, in this time, ... */
#define HTTP_REQUEST_SECONDS	   2
/* ... has not taken its answer, ... */
#define HTTP_ANSWER_SECONDS	   5
/* ... or has not sent the next request. */
#define HTTP_IDLE_SECONDS	   10
/* Request line and headers of one connection; a longer request is refused with 431 or 414. */
#define HTTP_REQUEST_BYTES_MAX	   16384
/* Time-out of the health check. */
#define HTTP_HEALTHCHECK_SECONDS   5
/* Bytes of a health answer that are shown. */
#define HTTP_HEALTHCHECK_BYTES_MAX 4096

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct conn_guard *guard;
	struct loop_watch watch, timer;
	struct http_options options; /* prom_path is owned */
	uint16_t port;
};

static void log_mhd(void *data, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void log_mhd(void *data, const char *fmt, va_list ap)
{
	char line[256];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http", "%s", line);
}

/* Routes: fill the body and return the status; *type is the content type, for a route that has several. */
static unsigned int route_metrics(const struct http_server *s, struct MHD_Connection *c, struct buf *body,
				  const char **type)
{
	const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool openmetrics = exposition_wants_openmetrics(accept);

	metrics_render(body, s->options.tally, openmetrics);
	if (openmetrics)
		*type = EXPOSITION_OPENMETRICS_TYPE;
	return MHD_HTTP_OK;
}

static unsigned int health(http_health_fn fn, void *data, struct buf *body)
{
	struct buf why = {0};
	bool well = !fn || fn(data, &why);

	buf_str(body, well ? "ok\n" : "not ok\n");
	buf_append(body, why.data, why.len);
	buf_free(&why);
	return well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned int route_healthz(const struct http_server *s, struct MHD_Connection *c, struct buf *body,
				  const char **type)
{
	return health(s->options.healthy, s->options.data, body);
}

static unsigned int route_readyz(const struct http_server *s, struct MHD_Connection *c, struct buf *body,
				 const char **type)
{
	return health(s->options.ready, s->options.data, body);
}

static const struct route {
	const char *path; /* NULL: http_options.prom_path */
	const char *content_type;
	unsigned int (*fill)(const struct http_server *s, struct MHD_Connection *c, struct buf *body,
			     const char **type);
} routes[] = {
    {NULL, EXPOSITION_TEXT_TYPE, route_metrics},
    {"/healthz", "text/plain; charset=utf-8", route_healthz},
    {"/readyz", "text/plain; charset=utf-8", route_readyz},
};

static const char *route_path(const struct http_server *s, const struct route *r)
{
	return r->path ? r->path : s->options.prom_path;
}

static const struct route *route_find(const struct http_server *s, const char *url)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(route_path(s, &routes[i]), url) == 0)
			return &routes[i];
	}
	return NULL;
}

/* Queue the answer; take ownership of the body. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned int status, const char *content_type,
			      struct buf *body)
{
	if (!buf_ok(body)) {
		buf_reset(body);
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		buf_free(body);
		return MHD_NO;
	}
	*body = (struct buf){0};
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static void not_found(const struct http_server *s, struct buf *body)
{
	buf_str(body, "not found; there is");
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		buf_printf(body, "%s %s", i ? "," : "", route_path(s, &routes[i]));
	buf_str(body, s->options.page ? ", and a page at /\n" : "\n");
}

/* Return the guard's slot of a connection. */
static struct conn_slot *slot_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* MHD_NotifyConnectionCallback */
static void on_connection(void *data, struct MHD_Connection *c, void **slot,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = data;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (what == MHD_CONNECTION_NOTIFY_CLOSED)
		conn_guard_leave(s->guard, *slot);
	else
		*slot = info ? conn_guard_enter(s->guard, info->connect_fd, HTTP_REQUEST_SECONDS) : NULL;
}

/* MHD_RequestCompletedCallback */
static void on_completed(void *data, struct MHD_Connection *c, void **seen,
			 enum MHD_RequestTerminationCode how)
{
	struct http_server *s = data;

	conn_guard_mark(s->guard, slot_of(c), HTTP_IDLE_SECONDS);
}

/* MHD_AccessHandlerCallback: called once with the headers (*seen is NULL), then again to be answered. */
static enum MHD_Result handle(void *data, struct MHD_Connection *c, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **seen)
{
	const struct http_server *s = data;
	static const char text[] = "text/plain; charset=utf-8";
	bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	struct buf body = {0};

	if (!*seen)
		conn_guard_mark(s->guard, slot_of(c), HTTP_ANSWER_SECONDS);
	if (!*seen && reads) {
		*seen = (void *)s;
		return MHD_YES;
	}
	stat_add(STAT_HTTP_REQUESTS, 1);
	const struct route *route = route_find(s, url);
	int queued;
	if (!route && reads && s->options.page && page_answer(s->options.page, c, url, &queued))
		return (enum MHD_Result)queued;
	if (!route) {
		not_found(s, &body);
		return answer(c, MHD_HTTP_NOT_FOUND, text, &body);
	}
	/* Answer after the headers: the body of a POST is not read. */
	if (!reads) {
		buf_str(&body, "only GET and HEAD\n");
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, text, &body);
	}
	const char *type = route->content_type;
	unsigned int status = route->fill(s, c, &body, &type);
	return answer(c, status, type, &body);
}

/* Return whether libmicrohttpd accepts no more connections now. */
static bool full(const struct http_server *s)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info && info->num_connections >= HTTP_CONNECTIONS_MAX + HTTP_CONNECTIONS_MORE;
}

static void run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	bool was_full = full(s);

	MHD_run(s->daemon);
	/* libmicrohttpd accepts again only when it is run, not when there is room again. */
	if (was_full && !full(s))
		MHD_run(s->daemon);
	int64_t next = conn_guard_sweep(s->guard);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES && (next < 0 || (int64_t)ms * NS_PER_MS < next))
		/* 0 means "at once": use a nanosecond, as 0 would disarm the timer. */
		next = ms ? (int64_t)ms * NS_PER_MS : 1;
	loop_timer_set(&s->timer, next < 0 ? 0 : next, 0);
	stat_set(STAT_HTTP_CLOSED, conn_guard_closed(s->guard));
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	run(w->data);
}

static void on_timer(struct loop_watch *w, uint32_t events)
{
	loop_timer_read(w);
	run(w->data);
}

static struct MHD_Daemon *daemon_start(struct http_server *s, int listen_fd)
{
	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, s, MHD_OPTION_EXTERNAL_LOGGER, log_mhd,
	    NULL, /* first, or early messages go to stderr */
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned int)(HTTP_CONNECTIONS_MAX + HTTP_CONNECTIONS_MORE), MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned int)HTTP_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HTTP_REQUEST_BYTES_MAX, MHD_OPTION_END);
}

/* Add MHD's descriptor and its timer to the loop. Return 0 or -errno. */
static int watch_start(struct http_server *s)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return -ENOTSUP;
	s->watch = (struct loop_watch){.fd = info->epoll_fd, .name = "http", .fn = on_ready, .data = s};
	s->timer = (struct loop_watch){.fd = -1, .name = "http timer", .fn = on_timer, .data = s};
	int r = loop_timer_open(s->loop, &s->timer);
	if (r < 0)
		return r;
	return loop_add(s->loop, &s->watch, EPOLLIN);
}

struct http_server *http_start(struct loop *loop, const struct http_options *options, char *error,
			       size_t size)
{
	int fd = options->listen_fd > 0 ? options->listen_fd : listen_open(options->listen, error, size);
	if (fd < 0)
		return NULL;

	struct http_server *s = calloc(1, sizeof(*s));
	char *path = strdup(options->prom_path);
	if (!s || !path) {
		snprintf(error, size, "%s: out of memory", options->listen);
		close(fd);
		free(s);
		free(path);
		return NULL;
	}
	s->loop = loop;
	s->options = *options;
	s->options.listen = NULL;
	s->options.prom_path = path;
	s->watch.fd = s->timer.fd = -1;
	s->port = listen_port(fd);
	s->guard = conn_guard_new(HTTP_CONNECTIONS_MAX);
	if (!s->guard) {
		snprintf(error, size, "%s: out of memory", options->listen);
		close(fd);
		http_stop(s);
		return NULL;
	}
	/* libmicrohttpd takes ownership of the socket, even on failure. */
	s->daemon = daemon_start(s, fd);
	int r = s->daemon ? watch_start(s) : -ENOMEM;
	if (r < 0) {
		snprintf(error, size, "%s: cannot start the HTTP server: %s", options->listen, strerror(-r));
		http_stop(s);
		return NULL;
	}
	size_t len = strlen(options->listen);
	/* The port that the kernel chose is nowhere else. */
	if (len > 1 && strcmp(options->listen + len - 2, ":0") == 0)
		log_info("http", "%s, /healthz and /readyz on %s, port %u", path, options->listen,
			 (unsigned int)s->port);
	else
		log_info("http", "%s, /healthz and /readyz on %s", path, options->listen);
	return s;
}

uint16_t http_port(const struct http_server *server)
{
	return server->port;
}

void http_stop(struct http_server *server)
{
	if (!server)
		return;
	loop_remove(server->loop, &server->watch);
	loop_timer_close(server->loop, &server->timer);
	if (server->daemon) {
		/* MHD_stop_daemon() would shut the socket down, also for other processes that hold it. */
		MHD_socket fd = MHD_quiesce_daemon(server->daemon);
		MHD_stop_daemon(server->daemon);
		if (fd != MHD_INVALID_SOCKET)
			close(fd);
	}
	conn_guard_free(server->guard);
	free((char *)server->options.prom_path);
	free(server);
}

/* Write "http://HOST:PORT/readyz" for a listen address; loopback for all addresses. */
static int readyz_url(const char *listen, char *url, size_t size)
{
	char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX];

	if (listen_split(listen, host, port) < 0)
		return -EINVAL;
	if (!*host || strcmp(host, "0.0.0.0") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	else if (strcmp(host, "::") == 0)
		snprintf(host, sizeof(host), "::1");
	bool v6 = strchr(host, ':') != NULL;
	snprintf(url, size, "http://%s%s%s:%s/readyz", v6 ? "[" : "", host, v6 ? "]" : "", port);
	return 0;
}

/* The lines of a text as one, "; " between them. */
static void one_line(const struct buf *body, char line[static HTTP_HEALTHCHECK_BYTES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < body->len && n + 2 < HTTP_HEALTHCHECK_BYTES_MAX; i++) {
		if (body->data[i] != '\n') {
			line[n++] = (char)body->data[i];
		} else if (i + 1 < body->len) {
			line[n++] = ';';
			line[n++] = ' ';
		}
	}
	line[n] = '\0';
}

int http_healthcheck(const char *listen)
{
	char url[LISTEN_HOST_MAX + 32];
	struct fetch_answer answer = {.max = HTTP_HEALTHCHECK_BYTES_MAX};
	struct buf *body = &answer.body;
	long status = 0;

	if (readyz_url(listen, url, sizeof(url)) < 0) {
		fprintf(stderr, "xtcp2: %s: not an address\n", listen);
		return 1;
	}
	CURL *curl = fetch_new(&answer, HTTP_HEALTHCHECK_SECONDS * 1000L);
	if (!curl) {
		fprintf(stderr, "xtcp2: out of memory\n");
		return 1;
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	/* The daemon is on this host: ignore a proxy in the environment. */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);

	char line[HTTP_HEALTHCHECK_BYTES_MAX];
	one_line(body, line);
	bool ready = code == CURLE_OK && status == MHD_HTTP_OK;
	if (code != CURLE_OK)
		fprintf(stderr, "xtcp2: %s: %s\n", url, curl_easy_strerror(code));
	else if (!ready)
		fprintf(stderr, "xtcp2: %s: status %ld: %s\n", url, status, line);
	buf_free(body);
	return ready ? 0 : 1;
}
