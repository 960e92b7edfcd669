/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * libchdb.so is 540 MiB, so it is no build dependency: its functions are looked
 * up by name in the table below, whose prototypes are those of chdb.h of the
 * pinned version (pipeline/clickhouse/package.json). A missing function is an error
 * at start, which names it.
 *
 * The library counts references to one engine: the first connection starts it and
 * reads the server options. This connection stays open until the end, so that Kafka
 * consumers and merges also run between requests.
 */
#include "clickhouse/engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Opaque handles of the library. */
struct chdb_result;
struct chdb_connection;
typedef struct chdb_connection *chdb_conn;
typedef struct chdb_insert_stream *chdb_insert;

/* chdb_query_analysis_v1 of chdb.h. */
struct chdb_analysis {
	uint32_t size, statements, flags, query_class;
};
#define CHDB_QUERY_READ_ONLY 0

/* X(result, name without chdb_, parameters) */
#define CHDB_FUNCTIONS(X)                                                                           \
	X(chdb_conn *, connect, (int argc, char **argv))                                            \
	X(void, close_conn, (chdb_conn * conn))                                                     \
	X(struct chdb_result *, query_with_params_n,                                                \
	  (chdb_conn conn, const char *query, size_t len, const char *format, size_t format_len,    \
	   const char *const *names, const size_t *name_lens, const char *const *values,            \
	   const size_t *value_lens, size_t count))                                                 \
	X(struct chdb_result *, stream_query_with_params_n,                                         \
	  (chdb_conn conn, const char *query, size_t len, const char *format, size_t format_len,    \
	   const char *const *names, const size_t *name_lens, const char *const *values,            \
	   const size_t *value_lens, size_t count))                                                 \
	X(struct chdb_result *, stream_fetch_result, (chdb_conn conn, struct chdb_result * stream)) \
	X(void, stream_cancel_query, (chdb_conn conn, struct chdb_result * stream))                 \
	X(chdb_insert, stream_insert_with_params_n,                                                 \
	  (chdb_conn conn, const char *query, size_t len, const char *format, size_t format_len,    \
	   const char *const *names, const size_t *name_lens, const char *const *values,            \
	   const size_t *value_lens, size_t count))                                                 \
	X(int, stream_append, (chdb_insert stream, const void *data, size_t len))                   \
	X(struct chdb_result *, stream_done, (chdb_insert stream))                                  \
	X(void, stream_cancel_insert, (chdb_insert stream))                                         \
	X(const char *, stream_insert_error, (chdb_insert stream))                                  \
	X(void, destroy_insert_stream, (chdb_insert stream))                                        \
	X(void, destroy_query_result, (struct chdb_result * result))                                \
	X(char *, result_buffer, (struct chdb_result * result))                                     \
	X(size_t, result_length, (struct chdb_result * result))                                     \
	X(double, result_elapsed, (struct chdb_result * result))                                    \
	X(uint64_t, result_storage_rows_read, (struct chdb_result * result))                        \
	X(uint64_t, result_storage_bytes_read, (struct chdb_result * result))                       \
	X(uint64_t, result_rows_written, (struct chdb_result * result))                             \
	X(uint64_t, result_bytes_written, (struct chdb_result * result))                            \
	X(const char *, result_error, (struct chdb_result * result))                                \
	X(int, classify_query_n,                                                                    \
	  (chdb_conn conn, const char *sql, size_t len, const char *database, size_t database_len,  \
	   struct chdb_analysis *analysis))                                                         \
	X(void, set_signal_handlers_enabled, (int enabled))                                         \
	X(int, shutdown, (void))

struct chdb {
#define X(type, name, params) type(*name) params;
	CHDB_FUNCTIONS(X)
#undef X
};

struct engine {
	struct chdb api;
	char *path_option; /* "--path=DIR": every connection must name the same */
	chdb_conn *keeper; /* keeps the engine running */
	int library;
};

struct engine_session {
	const struct engine *engine;
	chdb_conn *conn;
};

struct engine_stream {
	struct engine_session *session;
	struct chdb_result *stream; /* NULL when the statement ran to its end at once */
	struct chdb_result *piece;
	bool whole; /* `piece` is the whole result and was not returned yet */
	bool done;
	struct engine_counts counts;
};

struct engine_insert {
	struct engine_session *session;
	chdb_insert stream;
};

/* The directories of the library, in order, after $XTCP2_CHDB_LIB and $XDG_CACHE_HOME. */
static const char *const library_places[] = {
    "/usr/lib/xtcp2/libchdb.so",
    "/usr/local/lib/libchdb.so",
    "/usr/lib/libchdb.so",
    "/usr/lib/x86_64-linux-gnu/libchdb.so",
};
#define LIBRARY_IN_CACHE "xtcp2/clickhouse/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

/* Write the path of the library into path (size bytes). Return false if no directory has it. */
static bool engine_search(char *path, size_t size)
{
	const char *given = getenv("XTCP2_CHDB_LIB"), *cache = getenv("XDG_CACHE_HOME"),
		   *home = getenv("HOME");

	if (given && *given)
		return snprintf(path, size, "%s", given) < (int)size;
	if (cache && *cache)
		snprintf(path, size, "%s/" LIBRARY_IN_CACHE, cache);
	else
		snprintf(path, size, "%s/.cache/" LIBRARY_IN_CACHE, home ? home : "");
	if (access(path, R_OK) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(library_places); i++) {
		snprintf(path, size, "%s", library_places[i]);
		if (access(path, R_OK) == 0)
			return true;
	}
	return false;
}

/* Open the library, which only the user who starts the program may be able to read. */
struct engine *engine_new(const char *library, struct buf *error)
{
	char found[PATH_MAX];
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine) {
		buf_str(error, "no memory for the engine");
		return NULL;
	}
	if (!library && !engine_search(found, sizeof(found))) {
		buf_str(error, "libchdb.so, the ClickHouse engine, was found in no known place: run "
			       "`ci/pipeline --deps` or `npm install @chdb/lib-linux-x64-gnu`, and name it "
			       "with -lib PATH or XTCP2_CHDB_LIB");
		free(engine);
		return NULL;
	}
	engine->library = open(library ? library : found, O_RDONLY | O_CLOEXEC);
	if (engine->library >= 0)
		return engine;
	buf_printf(error, "%s cannot be read: %s", library ? library : found, strerror(errno));
	free(engine);
	return NULL;
}

int engine_load(struct engine *engine, struct buf *error)
{
	char path[64], name[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", engine->library);
	ssize_t len = readlink(path, name, sizeof(name));
	/* Never closed: its threads and exit handlers exist until the end of the process. */
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		const char *why = dlerror();
		size_t prefix = strlen(path);
		bool named = why && !strncmp(why, path, prefix) && !strncmp(why + prefix, ": ", 2);
		buf_printf(error, "%.*s cannot be loaded: %s", len > 0 ? (int)len : 0, name,
			   named ? why + prefix + 2
			   : why ? why
				 : "no reason given");
		return -ENOENT;
	}
#define X(type, name, params)                                                                       \
	if (!(*(void **)&engine->api.name = dlsym(handle, "chdb_" #name))) {                        \
		buf_str(error, "libchdb.so lacks chdb_" #name ": version 26.7 or later is needed"); \
		return -ENOSYS;                                                                     \
	}
	CHDB_FUNCTIONS(X)
#undef X
	engine->api.set_signal_handlers_enabled(0);
	return 0;
}

/* Open the first connection, which starts the engine with the options. NULL on failure. */
static chdb_conn *boot(const struct engine *engine, const char *const *config)
{
	size_t n = 0;

	while (config[n])
		n++;
	char **args = calloc(n + 3, sizeof(*args));
	if (!args)
		return NULL;
	args[0] = (char *)"clickhouse";
	args[1] = engine->path_option;
	size_t count = 2;
	for (; *config; config++)
		if (asprintf(&args[count], "--%s", *config) > 0)
			count++;
	chdb_conn *conn = engine->api.connect((int)count, args);
	while (count > 2)
		free(args[--count]);
	free(args);
	return conn;
}

int engine_open(struct engine *engine, const char *data, const char *const *config, struct buf *error)
{
	if (asprintf(&engine->path_option, "--path=%s", data) < 0) {
		engine->path_option = NULL;
		buf_str(error, "no memory for the engine");
		return -ENOMEM;
	}
	engine->keeper = boot(engine, config);
	if (engine->keeper)
		return 0;
	buf_printf(error, "the engine does not open %s: it may be in use by another process or damaged",
		   data);
	return -EIO;
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	if (engine->keeper)
		engine->api.close_conn(engine->keeper);
	if (engine->keeper && engine->api.shutdown())
		log_info("engine", "some engine threads could not be stopped");
	close(engine->library);
	free(engine->path_option);
	free(engine);
}

struct engine_session *engine_session_new(struct engine *engine, struct buf *error)
{
	char *args[] = {(char *)"clickhouse", engine->path_option, NULL};
	struct engine_session *s = calloc(1, sizeof(*s));

	if (s) {
		s->engine = engine;
		s->conn = engine->api.connect(2, args);
	}
	if (!s || !s->conn) {
		buf_str(error,
			"Code: 241. DB::Exception: No session could be opened. (MEMORY_LIMIT_EXCEEDED)");
		free(s);
		return NULL;
	}
	return s;
}

void engine_session_free(struct engine_session *s)
{
	if (!s)
		return;
	s->engine->api.close_conn(s->conn);
	free(s);
}

bool engine_analyse(struct engine_session *s, struct str text, struct engine_analysis *analysis)
{
	struct chdb_analysis a = {.size = sizeof(a)};

	if (s->engine->api.classify_query_n(*s->conn, text.p, text.len, NULL, 0, &a))
		return false;
	*analysis = (struct engine_analysis){a.statements, a.query_class == CHDB_QUERY_READ_ONLY};
	return true;
}

/* Return the lengths of the parameters' names, then of their values, for free(3). NULL without memory. */
static size_t *params_lengths(const struct engine_params *p)
{
	size_t *lens = calloc(2 * p->count + 1, sizeof(*lens));

	for (size_t i = 0; lens && i < p->count; i++) {
		lens[i] = strlen(p->names[i]);
		lens[p->count + i] = strlen(p->values[i]);
	}
	return lens;
}

static const struct engine_params no_params;

/* Add the counts of a result. Return its error text or NULL. */
static const char *result_take(const struct chdb *api, struct chdb_result *r, struct engine_counts *counts)
{
	if (!r)
		return "Code: 241. DB::Exception: The engine gave no result. (MEMORY_LIMIT_EXCEEDED)";
	counts->read_rows += api->result_storage_rows_read(r);
	counts->read_bytes += api->result_storage_bytes_read(r);
	counts->written_rows += api->result_rows_written(r);
	counts->written_bytes += api->result_bytes_written(r);
	counts->seconds += api->result_elapsed(r);
	return api->result_error(r);
}

static struct chdb_result *run_whole(struct engine_session *s, struct str statement, const char *format,
				     const struct engine_params *params)
{
	_cleanup_free_ size_t *lens = params_lengths(params);

	if (!lens)
		return NULL;
	return s->engine->api.query_with_params_n(*s->conn, statement.p, statement.len, format,
						  strlen(format), params->names, lens, params->values,
						  lens + params->count, params->count);
}

int engine_run(struct engine_session *s, struct str statement, const char *format,
	       const struct engine_params *params, struct buf *out, struct engine_counts *counts,
	       struct buf *error)
{
	const struct chdb *api = &s->engine->api;
	struct engine_counts ignored = {0};
	struct chdb_result *r = run_whole(s, statement, format, params ? params : &no_params);
	const char *text = result_take(api, r, counts ? counts : &ignored);

	if (text)
		buf_str(error, text);
	else if (out)
		buf_append(out, api->result_buffer(r), api->result_length(r));
	if (r)
		api->destroy_query_result(r);
	return text ? -EIO : 0;
}

/* The library's answer for a statement that has no result stream. */
static bool says_not_streamable(const char *text)
{
	return strstr(text, "Streaming query is not supported") != NULL;
}

struct engine_stream *engine_stream_new(struct engine_session *s, struct str statement, const char *format,
					const struct engine_params *params, struct buf *error)
{
	const struct chdb *api = &s->engine->api;
	const struct engine_params *p = params ? params : &no_params;
	struct engine_stream *st = calloc(1, sizeof(*st));
	_cleanup_free_ size_t *lens = params_lengths(p);
	const char *text = "no memory";

	if (!st || !lens)
		goto fail;
	st->session = s;
	st->stream =
	    api->stream_query_with_params_n(*s->conn, statement.p, statement.len, format, strlen(format),
					    p->names, lens, p->values, lens + p->count, p->count);
	text = st->stream ? api->result_error(st->stream) : "no memory";
	if (!text)
		return st;
	if (st->stream && says_not_streamable(text)) {
		api->destroy_query_result(st->stream);
		st->stream = NULL;
		st->piece = run_whole(s, statement, format, p);
		text = result_take(api, st->piece, &st->counts);
		st->whole = st->done = true;
		if (!text)
			return st;
	}
fail:
	buf_str(error, text);
	engine_stream_free(st);
	return NULL;
}

int engine_stream_next(struct engine_stream *st, struct str *piece, struct buf *error)
{
	const struct chdb *api = &st->session->engine->api;

	if (st->whole) {
		st->whole = false;
	} else {
		if (st->piece)
			api->destroy_query_result(st->piece);
		st->piece = NULL;
		if (st->done)
			return 0;
		st->piece = api->stream_fetch_result(*st->session->conn, st->stream);
		const char *text = result_take(api, st->piece, &st->counts);
		if (text) {
			buf_str(error, text);
			st->done = true;
			return -EIO;
		}
	}
	*piece = (struct str){api->result_buffer(st->piece), (uint32_t)api->result_length(st->piece)};
	if (piece->len)
		return 1;
	st->done = true;
	return 0;
}

void engine_stream_counts(const struct engine_stream *st, struct engine_counts *counts)
{
	*counts = st->counts;
}

void engine_stream_free(struct engine_stream *st)
{
	if (!st)
		return;
	const struct chdb *api = st->session ? &st->session->engine->api : NULL;
	if (st->piece)
		api->destroy_query_result(st->piece);
	if (st->stream) {
		if (!st->done)
			api->stream_cancel_query(*st->session->conn, st->stream);
		api->destroy_query_result(st->stream);
	}
	free(st);
}

struct engine_insert *engine_insert_new(struct engine_session *s, struct str statement, const char *format,
					const struct engine_params *params, struct buf *error)
{
	const struct chdb *api = &s->engine->api;
	const struct engine_params *p = params ? params : &no_params;
	struct engine_insert *in = calloc(1, sizeof(*in));

	if (!in) {
		buf_str(error, "no memory");
		return NULL;
	}
	in->session = s;
	_cleanup_free_ size_t *lens = params_lengths(p);
	if (!lens) {
		buf_str(error, "no memory");
		engine_insert_free(in);
		return NULL;
	}
	in->stream =
	    api->stream_insert_with_params_n(*s->conn, statement.p, statement.len, format, strlen(format),
					     p->names, lens, p->values, lens + p->count, p->count);
	const char *text = in->stream ? api->stream_insert_error(in->stream) : "no memory";
	if (text) {
		buf_str(error, text);
		engine_insert_free(in);
		return NULL;
	}
	return in;
}

int engine_insert_push(struct engine_insert *in, const void *data, size_t len)
{
	return in->session->engine->api.stream_append(in->stream, data, len) ? -EIO : 0;
}

int engine_insert_end(struct engine_insert *in, struct engine_counts *counts, struct buf *error)
{
	const struct chdb *api = &in->session->engine->api;
	struct chdb_result *r = api->stream_done(in->stream);
	const char *text = result_take(api, r, counts);

	if (text)
		buf_str(error, text);
	if (r)
		api->destroy_query_result(r);
	return text ? -EIO : 0;
}

void engine_insert_free(struct engine_insert *in)
{
	if (!in)
		return;
	if (in->stream)
		in->session->engine->api.destroy_insert_stream(in->stream);
	free(in);
}
