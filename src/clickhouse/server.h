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

/* Clients keep connections open; beyond these, new ones are refused. */
#define SERVER_CONNECTIONS_MAX 64
/* Each running statement holds memory of its own: this many share the engine's limit. */
#define SERVER_QUERIES_MAX     8
/* Seconds after which an idle connection is closed, and for which a statement waits for its turn. */
#define SERVER_IDLE_SECONDS    60
#define SERVER_QUEUE_SECONDS   30

struct server_options {
	const char *listen;	   /* "127.0.0.1:18123", "[::1]:18123", ":18123" (all addresses) */
	const char *user;	   /* whom to let in */
	const char *password;	   /* "" for none */
	const char *format_schema; /* of requests that name none, for formats with a schema */
};

struct server;

/* NULL with a sentence in error that names the address. */
struct server *server_start(struct engine *engine, const struct server_options *options, struct buf *error);
/* Lets the requests that run come to their end. */
void server_stop(struct server *server);

#endif
