/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_SERVER_H
#define CLICKHOUSE_SERVER_H
/*
 * ClickHouse's HTTP interface in front of one engine: /, /ping, /replicas_status
 * and queries by GET and POST; and two pages for browsers, /dashboard and /play, which send queries. One thread per connection, at most
 * SERVER_CONNECTIONS_MAX; SERVER_QUERIES_MAX statements at a time, the others wait.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "clickhouse/engine.h"

/* Most connections, each with a thread, and most idle ones: beyond that the oldest is closed. */
#define SERVER_CONNECTIONS_MAX 128
#define SERVER_IDLE_MAX	       64
/* Most running statements, which share the engine's memory limit. */
#define SERVER_QUERIES_MAX     8
/* Seconds after which an idle connection is closed, and a waiting statement refused. */
#define SERVER_IDLE_SECONDS    60
#define SERVER_QUEUE_SECONDS   30

struct server_options {
	const char *listen;   /* "127.0.0.1:18123", "[::1]:18123", ":18123" (all addresses) */
	int listen_fd;	      /* a listening socket that the server takes over; -1: `listen` is opened */
	const char *user;     /* the user who may do everything that the engine's rules (access.h) allow */
	const char *password; /* "": that user needs no password */
	const char *reader;   /* the user who may only read, with the password */
	const char *reader_password;
	const char *allow_host; /* further names of the server, comma-separated; see site.h */
	uint32_t max_query_seconds;
	bool files;		   /* statements may name files; confine.h limits them */
	const char *format_schema; /* default for formats with a schema */
};

struct server;

/* Start the server. NULL with a sentence in error that names the address. */
struct server *server_start(struct engine *engine, const struct server_options *options, struct buf *error);
/* Stop the server after the running requests. */
void server_stop(struct server *server);

#endif
