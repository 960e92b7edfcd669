/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_EXCHANGE_H
#define CLICKHOUSE_EXCHANGE_H
/*
 * One request and its answer, on the connection's own thread:
 *
 *   HEAD    the statement is being read; bodies of queries end here
 *   DATA    the body is the data of an INSERT and goes to the engine as it comes
 *   FAILED  an error is known; the rest of the body is read and thrown away
 *   ANSWER  the response has been queued
 */
#include <microhttpd.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "clickhouse/access.h"
#include "clickhouse/engine.h"
#include "clickhouse/watch.h"

/* What all requests share. */
struct exchange_context {
	struct engine *engine;
	const char *user, *password; /* of the owner; an empty password lets everybody in */
	const char *reader, *reader_password;
	const char *format_schema;
	bool files; /* statements may name files */
	uint32_t max_query_seconds;
	atomic_uint_least64_t statements; /* each gets a number, by which it can be ended */
	const char *display_name;	  /* X-ClickHouse-Server-Display-Name */
	struct buf timezone, version;	  /* of the engine */
	sem_t queries;			  /* free places for running statements */
};

struct exchange;

/* watched: the connection, NULL when nobody watches. NULL without memory. */
struct exchange *exchange_new(struct exchange_context *context, struct MHD_Connection *connection,
			      const char *method, struct watched *watched);
/* A piece of the body. */
void exchange_body(struct exchange *x, const char *data, size_t len);
/* The body is over: runs the statement and queues the response. */
enum MHD_Result exchange_answer(struct exchange *x);
void exchange_free(struct exchange *x);

/* Ends the statement with this number; data: the exchange_context, as watch_start() hands it over. Returns at once. */
void exchange_end_statement(void *data, uint64_t number);

#endif
