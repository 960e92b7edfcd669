/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_ENGINE_H
#define CLICKHOUSE_ENGINE_H
/*
 * The ClickHouse engine inside libchdb.so, loaded at run time. One engine and
 * one data directory a process; any number of sessions on it, each used by one
 * thread at a time. A session carries its own settings and current database, and
 * costs about half a millisecond, so that every HTTP request gets a new one and
 * nothing leaks from one to the next. Errors are the engine's own text,
 * "Code: N. DB::Exception: ... (NAME)", appended to a buffer that the caller owns.
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

/* What a statement did; columns of X-ClickHouse-Summary. */
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
 * Opens the library's file: a path, or NULL to look in engine_search()'s places. NULL with a sentence in error.
 * What follows needs no way to the file any more, so that the process may become somebody else in between.
 */
struct engine *engine_new(const char *library, struct buf *error);
/* Loads the library. Takes a second. 0 or -errno with a sentence in error. */
int engine_load(struct engine *engine, struct buf *error);
/*
 * Opens the directory, which starts the engine's threads. config: server options "name=value", NULL-terminated.
 * Once. 0 or -errno with a sentence in error; engine_close() in either case.
 */
int engine_open(struct engine *engine, const char *data, const char *const *config, struct buf *error);
/* Stops the Kafka consumers and every engine thread; all sessions must be closed. */
void engine_close(struct engine *engine);

/* The first place that has the library, into path (size bytes): false when none has. */
bool engine_search(char *path, size_t size);

struct engine_session *engine_session_new(struct engine *engine, struct buf *error);
void engine_session_free(struct engine_session *s);

/* What the engine's parser, as the session has set it, makes of a text. */
struct engine_analysis {
	unsigned statements; /* 0: it does not parse */
	bool reads_only;     /* SELECT, SHOW and their like: nothing outlives it */
};
/* False when it cannot tell. */
bool engine_analyse(struct engine_session *s, struct str text, struct engine_analysis *analysis);

/* Runs one statement and appends its result in `format` to out. 0 or -EIO with error. Blocks. */
int engine_run(struct engine_session *s, struct str statement, const char *format,
	       const struct engine_params *params, struct buf *out, struct engine_counts *counts,
	       struct buf *error);

/*
 * Starts a statement whose result comes in pieces. NULL with error. Statements
 * without a result stream (DDL, SET) run to their end here.
 */
struct engine_stream *engine_stream_new(struct engine_session *s, struct str statement, const char *format,
					const struct engine_params *params, struct buf *error);
/* The next piece, valid until the next call: 1, 0 at the end, -EIO with error. Blocks. */
int engine_stream_next(struct engine_stream *st, struct str *piece, struct buf *error);
/* Of what has been read so far. */
void engine_stream_counts(const struct engine_stream *st, struct engine_counts *counts);
/* Cancels what still runs. */
void engine_stream_free(struct engine_stream *st);

/* INSERT whose data is pushed in any pieces. The statement has neither FORMAT nor data. NULL with error. */
struct engine_insert *engine_insert_new(struct engine_session *s, struct str statement, const char *format,
					const struct engine_params *params, struct buf *error);
/* 0, or -EIO when the insert has failed: engine_insert_end() tells why. Blocks for back pressure. */
int engine_insert_push(struct engine_insert *in, const void *data, size_t len);
/* Commits. 0 or -EIO with error. */
int engine_insert_end(struct engine_insert *in, struct engine_counts *counts, struct buf *error);
/* Without engine_insert_end() before it, cancels. */
void engine_insert_free(struct engine_insert *in);

#endif
