/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_EXCHANGE_H
#define CLICKHOUSE_EXCHANGE_H
/*
 * One request and its answer, on the connection's own thread:
 *
 *   HEAD    the statement is being read; bodies of queries end here
 *   DATA    the body is the data of an INSERT and goes to the engine as it comes
 *   FAILED  an error is known; the rest of the body is read and discarded
 *   ANSWER  the response has been queued
 */
#include <microhttpd.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "clickhouse/access.h"
#include "clickhouse/engine.h"
#include "clickhouse/watch.h"

/* The state shared by all requests. */
struct exchange_context {
	struct engine *engine;
	const char *user, *password; /* of the owner; with an empty password no other is needed */
	const char *reader, *reader_password;
	const char *format_schema;
	bool files; /* statements may name files */
	uint32_t max_query_seconds;
	atomic_uint_least64_t statements; /* each statement has a number, by which it can be ended */
	const char *display_name;	  /* X-ClickHouse-Server-Display-Name */
	struct buf timezone, version;	  /* of the engine */
	sem_t queries;			  /* free slots for running statements */
};

struct exchange;

/* Begin a request; watched: its connection in the watch, or NULL. NULL without memory. */
struct exchange *exchange_new(struct exchange_context *context, struct MHD_Connection *connection,
			      const char *method, struct watched *watched);
/* Handle a piece of the body. */
void exchange_body(struct exchange *x, const char *data, size_t len);
/* End the body: run the statement and queue the response. */
enum MHD_Result exchange_answer(struct exchange *x);
void exchange_free(struct exchange *x);

/* End the statement with this number; data is the exchange_context, as passed by watch_start(). Does not
 * block. */
void exchange_end_statement(void *data, uint64_t number);

#endif
