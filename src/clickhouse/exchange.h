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
#include <stdbool.h>

#include "clickhouse/engine.h"

/* What all requests share. */
struct exchange_context {
	struct engine *engine;
	const char *user, *password, *format_schema;
	const char *display_name;     /* X-ClickHouse-Server-Display-Name */
	struct buf timezone, version; /* of the engine */
	sem_t queries;		      /* free places for running statements */
};

struct exchange;

/* NULL without memory. */
struct exchange *exchange_new(struct exchange_context *context, struct MHD_Connection *connection,
			      const char *method);
/* A piece of the body. */
void exchange_body(struct exchange *x, const char *data, size_t len);
/* The body is over: runs the statement and queues the response. */
enum MHD_Result exchange_answer(struct exchange *x);
void exchange_free(struct exchange *x);

#endif
