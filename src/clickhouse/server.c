/* SPDX-License-Identifier: MIT */
#include "clickhouse/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/listen.h"
#include "base/log.h"
#include "clickhouse/exchange.h"
#include "clickhouse/watch.h"
#include "clickhouse_dashboard_html.h"
#include "clickhouse_dashboard_js.h"
#include "clickhouse_play_html.h"
#include "clickhouse_play_js.h"
#include "clickhouse_sql_js.h"
#include "page/asset.h"
#include "page/site.h"

/* Bytes for the URL, with a query, and the headers; a longer statement must be in the body. */
#define CONNECTION_MEMORY (256 << 10)

struct server {
	struct MHD_Daemon *daemon;
	struct exchange_context context;
	struct watch *watch;
	char allow_host[1024]; /* allowed names, with those of this machine and the listen address */
	char display_name[256];
};

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=UTF-8");
	enum MHD_Result r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static const struct page_asset own_files[] = {
    {"/dashboard", "text/html; charset=utf-8", clickhouse_dashboard_html, &clickhouse_dashboard_html_len},
    {"/page/dashboard.js", "text/javascript; charset=utf-8", clickhouse_dashboard_js,
     &clickhouse_dashboard_js_len},
    {"/play", "text/html; charset=utf-8", clickhouse_play_html, &clickhouse_play_html_len},
    {"/page/play.js", "text/javascript; charset=utf-8", clickhouse_play_js, &clickhouse_play_js_len},
    {"/page/sql.js", "text/javascript; charset=utf-8", clickhouse_sql_js, &clickhouse_sql_js_len},
    {0},
};

/* The pages ask this first: a browser complains of a query that is refused. */
static const struct page_asset access_files[] = {
    {"/page/access", "application/json", (const uint8_t *)"{\"password\":false}\n", &(const size_t){19}},
    {"/page/access", "application/json", (const uint8_t *)"{\"password\":true}\n", &(const size_t){18}},
};

static const struct page_asset *page_file(const struct server *server, const char *url)
{
	const struct page_asset *a = page_asset_find(own_files, url);

	if (strcmp(url, access_files[0].path) == 0)
		return &access_files[*server->context.password != '\0'];
	return a ? a : page_asset_find(page_shared_assets, url);
}

static enum MHD_Result answer_file(struct MHD_Connection *connection, const struct page_asset *file)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
	    *file->len, (void *)(uintptr_t)file->bytes, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, file->type);
	for (const struct page_header *h = page_headers; h->name; h++)
		MHD_add_response_header(response, h->name, h->value);
	enum MHD_Result r = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return r;
}

/* Run a query that returns one text; remove its line feed. */
static void ask(struct engine_session *s, const char *query, struct buf *out, struct buf *error)
{
	engine_run(s, str_of(query), "TabSeparatedRaw", NULL, out, NULL, error);
	while (out->len && out->data[out->len - 1] == '\n')
		out->len--;
}

/*
 * The query of /replicas_status: the last exception of a Kafka consumer in the last minute (full disk,
 * unreachable broker) without a commit since. A result is answered with 503.
 */
static const char *const consumer_trouble =
    "SELECT exceptions.text[-1] FROM system.kafka_consumers WHERE notEmpty(exceptions.time) AND "
    "exceptions.time[-1] >= last_commit_time AND exceptions.time[-1] > now() - 60 LIMIT 1";

static enum MHD_Result answer_status(struct server *server, struct MHD_Connection *connection)
{
	_cleanup_buf_ struct buf text = {0};
	struct engine_session *s = engine_session_new(server->context.engine, &text);

	if (s)
		ask(s, consumer_trouble, &text, &text);
	engine_session_free(s);
	if (!text.len)
		return answer_text(connection, MHD_HTTP_OK, "Ok.\n");
	/* Only the first line: the engine's stack trace does not help a user. */
	uint8_t *end = memchr(text.data, '\n', text.len);
	text.len = end ? (size_t)(end - text.data) : text.len;
	buf_byte(&text, '\n');
	return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, buf_cstr(&text));
}

static bool is_get(const char *method)
{
	return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

/* A link on another site may lead to a page, which holds nothing until its reader signs in, but not to an answer. */
static const char *refusal(const struct server *server, struct MHD_Connection *connection, bool file)
{
	const struct site_headers headers = {
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
	    file ? NULL : MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin"),
	    file ? NULL : MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site"),
	};

	return site_refusal(&headers, server->allow_host);
}

static enum MHD_Result answer_refusal(struct MHD_Connection *connection, const char *why)
{
	char text[160];

	log_info("http", "403: %s", why);
	snprintf(text, sizeof(text), "The request is refused: %s.\n", why);
	return answer_text(connection, MHD_HTTP_FORBIDDEN, text);
}

static struct watched *watched_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Answer a path other than a query. Return MHD_YES with *answered set if it is one of these. */
static enum MHD_Result answer_page(struct server *server, struct MHD_Connection *connection, const char *url,
				   const char *method, bool *answered)
{
	bool query = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "query") != NULL;

	*answered = true;
	if (!strcmp(url, "/ping"))
		return answer_text(connection, MHD_HTTP_OK, "Ok.\n");
	if (!strcmp(url, "/replicas_status"))
		return answer_status(server, connection);
	if (strcmp(url, "/") != 0)
		return answer_text(
		    connection, MHD_HTTP_NOT_FOUND,
		    "There is no handle for this path. Send queries to /, use /ping to check health, or look at "
		    "/dashboard and /play in a browser.\n");
	if (is_get(method) && !query)
		return answer_text(connection, MHD_HTTP_OK, "Ok.\n");
	if (!is_get(method) && strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return answer_text(connection, MHD_HTTP_NOT_IMPLEMENTED,
				   "GET, HEAD and POST are supported.\n");
	*answered = false;
	return MHD_YES;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *body, size_t *body_len,
				  void **state)
{
	struct server *server = data;
	struct exchange *x = *state;
	bool answered;

	if (!x) {
		const struct page_asset *file = is_get(method) ? page_file(server, url) : NULL;
		const char *why = refusal(server, connection, file);
		watch_state(watched_of(connection), WATCH_REFUSED);
		if (why)
			return answer_refusal(connection, why);
		if (file)
			return answer_file(connection, file);
		enum MHD_Result r = answer_page(server, connection, url, method, &answered);
		if (answered)
			return r;
		*state = exchange_new(&server->context, connection, method, watched_of(connection));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*body_len) {
		exchange_body(x, body, *body_len);
		*body_len = 0;
		return MHD_YES;
	}
	return exchange_answer(x);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	exchange_free(*state);
	*state = NULL;
	watch_state(watched_of(connection), WATCH_IDLE);
}

static void on_connection(void *data, struct MHD_Connection *connection, void **watched,
			  enum MHD_ConnectionNotificationCode what)
{
	struct server *server = data;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*watched = info ? watch_add(server->watch, info->connect_fd) : NULL;
	} else {
		watch_remove(*watched);
		*watched = NULL;
	}
}

static bool learn_engine(struct exchange_context *context, struct buf *error)
{
	struct engine_session *s = engine_session_new(context->engine, error);

	if (!s)
		return false;
	ask(s, "SELECT timezone()", &context->timezone, error);
	ask(s, "SELECT version()", &context->version, error);
	engine_session_free(s);
	return error->len == 0;
}

static void allow_hosts(struct server *server, const struct server_options *options)
{
	char host[LISTEN_HOST_MAX] = "", port[LISTEN_PORT_MAX];

	listen_split(options->listen, host, port);
	snprintf(server->allow_host, sizeof(server->allow_host), "%s,%s,%s", server->display_name, host,
		 options->allow_host);
}

struct server *server_start(struct engine *engine, const struct server_options *options, struct buf *error)
{
	char why[256];
	_cleanup_close_ int fd =
	    options->listen_fd >= 0 ? options->listen_fd : listen_open(options->listen, why, sizeof(why));
	struct server *server = calloc(1, sizeof(*server));

	if (fd < 0 || !server) {
		buf_str(error, fd < 0 ? why : "no memory for the HTTP server");
		free(server);
		return NULL;
	}
	if (gethostname(server->display_name, sizeof(server->display_name) - 1))
		snprintf(server->display_name, sizeof(server->display_name), "localhost");
	server->context.engine = engine;
	server->context.user = options->user;
	server->context.password = options->password;
	server->context.reader = options->reader;
	server->context.reader_password = options->reader_password;
	server->context.files = options->files;
	server->context.max_query_seconds = options->max_query_seconds;
	server->context.format_schema = options->format_schema;
	allow_hosts(server, options);
	server->context.display_name = server->display_name;
	sem_init(&server->context.queries, 0, SERVER_QUERIES_MAX);
	if (!learn_engine(&server->context, error))
		goto fail;
	server->watch = watch_start(SERVER_IDLE_MAX, exchange_end_statement, &server->context);
	if (!server->watch) {
		buf_str(error, "no memory for the HTTP server");
		goto fail;
	}
	unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
	server->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
	    server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	if (!server->daemon) {
		buf_printf(error, "%s: the HTTP server does not start: %s", options->listen, strerror(errno));
		goto fail;
	}
	take_fd(fd); /* the daemon closes it */
	return server;
fail:
	server_stop(server);
	return NULL;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	watch_stop(server->watch);
	sem_destroy(&server->context.queries);
	buf_free(&server->context.timezone);
	buf_free(&server->context.version);
	free(server);
}
