/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_SERVER_H
#define CLICKHOUSE_SERVER_H
/*
 * ClickHouse's HTTP interface in front of one engine: /, /ping, /replicas_status
 * and queries by GET and POST. One thread a connection, SERVER_CONNECTIONS_MAX
 * of them; SERVER_QUERIES_MAX statements at a time, the others wait.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "clickhouse/engine.h"

/* Most connections, each with a thread, and how many of them may do nothing: beyond that the oldest is closed. */
#define SERVER_CONNECTIONS_MAX 128
#define SERVER_IDLE_MAX	       64
/* Each running statement holds memory of its own: this many share the engine's limit. */
#define SERVER_QUERIES_MAX     8
/* Seconds after which an idle connection is closed, and for which a statement waits for its turn. */
#define SERVER_IDLE_SECONDS    60
#define SERVER_QUEUE_SECONDS   30

struct server_options {
	const char *listen;   /* "127.0.0.1:18123", "[::1]:18123", ":18123" (all addresses) */
	const char *user;     /* who may do everything that the engine's rules (access.h) allow */
	const char *password; /* "" lets everybody in as that user */
	const char *reader;   /* who may only read, and the password */
	const char *reader_password;
	const char *allow_host; /* names by which the server is called, comma-separated; see site.h */
	uint32_t max_query_seconds;
	bool files;		   /* statements may name files: what can be reached is confined elsewhere */
	const char *format_schema; /* of requests that name none, for formats with a schema */
};

struct server;

/* NULL with a sentence in error that names the address. */
struct server *server_start(struct engine *engine, const struct server_options *options, struct buf *error);
/* Lets the requests that run come to their end. */
void server_stop(struct server *server);

#endif
