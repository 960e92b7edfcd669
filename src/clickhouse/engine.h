/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_ENGINE_H
#define CLICKHOUSE_ENGINE_H
/*
 * The ClickHouse engine inside libchdb.so, loaded at run time. One engine and one data
 * directory per process, with any number of sessions, each used by one thread at a
 * time. A session has its own settings and current database and costs about half a
 * millisecond, so that every HTTP request gets a new one and shares no state with
 * others. Errors are the engine's own text, "Code: N. DB::Exception: ... (NAME)",
 * appended to a buffer that the caller owns.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct engine;
struct engine_session;
struct engine_stream;
struct engine_insert;

/* Counts of a statement, for X-ClickHouse-Summary. */
struct engine_counts {
	uint64_t read_rows, read_bytes, written_rows, written_bytes;
	double seconds;
};

/* A {name:Type} parameter of a statement; the value is in its escaped text form. */
struct engine_params {
	const char *const *names;
	const char *const *values;
	size_t count;
};

/*
 * Open the library's file: a path, or NULL to search in the usual places. NULL with a sentence in error.
 * engine_load() needs no access to the path, so that the process may become another user in between.
 */
struct engine *engine_new(const char *library, struct buf *error);
/* Load the library. Takes a second. 0 or -errno with a sentence in error. */
int engine_load(struct engine *engine, struct buf *error);
/*
 * Open the directory, which starts the engine's threads. config: server options "name=value",
 * NULL-terminated. Once. 0 or -errno with a sentence in error; engine_close() in either case.
 */
int engine_open(struct engine *engine, const char *data, const char *const *config, struct buf *error);
/* Stop the Kafka consumers and all threads of the engine; all sessions must be closed. */
void engine_close(struct engine *engine);

struct engine_session *engine_session_new(struct engine *engine, struct buf *error);
void engine_session_free(struct engine_session *s);

/* The result of the engine's parser, with the session's settings, for a text. */
struct engine_analysis {
	unsigned statements; /* 0: it does not parse */
	bool reads_only;     /* SELECT, SHOW and similar: without lasting effect */
};
/* Return false if the parser has no result. */
bool engine_analyse(struct engine_session *s, struct str text, struct engine_analysis *analysis);

/* Run one statement and append its result in `format` to out. 0 or -EIO with error. Blocks. */
int engine_run(struct engine_session *s, struct str statement, const char *format,
	       const struct engine_params *params, struct buf *out, struct engine_counts *counts,
	       struct buf *error);

/*
 * Start a statement whose result comes in pieces. NULL with error. Statements
 * without a result stream (DDL, SET) run to their end here.
 */
struct engine_stream *engine_stream_new(struct engine_session *s, struct str statement, const char *format,
					const struct engine_params *params, struct buf *error);
/* Get the next piece, valid until the next call: 1, 0 at the end, -EIO with error. Blocks. */
int engine_stream_next(struct engine_stream *st, struct str *piece, struct buf *error);
/* Return the counts of the pieces read so far. */
void engine_stream_counts(const struct engine_stream *st, struct engine_counts *counts);
/* End the statement; cancel it if it still runs. */
void engine_stream_free(struct engine_stream *st);

/* Start an INSERT whose data is pushed in pieces of any size. The statement has neither FORMAT nor data. NULL
 * with error. */
struct engine_insert *engine_insert_new(struct engine_session *s, struct str statement, const char *format,
					const struct engine_params *params, struct buf *error);
/* Push data. 0, or -EIO if the insert has failed: engine_insert_end() has the reason. Blocks for back
 * pressure. */
int engine_insert_push(struct engine_insert *in, const void *data, size_t len);
/* Commit. 0 or -EIO with error. */
int engine_insert_end(struct engine_insert *in, struct engine_counts *counts, struct buf *error);
/* Free the insert; without engine_insert_end() before, cancel it. */
void engine_insert_free(struct engine_insert *in);

#endif
