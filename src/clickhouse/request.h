/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_REQUEST_H
#define CLICKHOUSE_REQUEST_H
/*
 * Parses URL and headers of a request: user, statement, settings and parameters. Texts
 * are borrowed from the connection and live as long as the request; only the SET
 * statement is built here.
 */
#include <microhttpd.h>
#include <stdbool.h>

#include "base/buf.h"
#include "clickhouse/engine.h"

/* Most {name:Type} parameters of one request. */
#define REQUEST_PARAMS_MAX 256

struct request {
	const char *query, *database, *query_id, *default_format;
	const char *user, *password; /* NULL when not given */
	struct buf basic;	     /* owns user and password from basic auth */
	struct buf set;		     /* "SET a = '1', b = '2'", empty without settings */
	const char *names[REQUEST_PARAMS_MAX], *values[REQUEST_PARAMS_MAX];
	struct engine_params params;
	bool readonly;		      /* GET and HEAD do not write */
	bool accepts_gzip;	      /* and enable_http_compression=1 */
	bool gzip_body;		      /* Content-Encoding: gzip */
	bool block_answer;	      /* compress=1: the answer is a sequence of blocks (block.h) ... */
	bool block_body;	      /* ... decompress=1: the body is */
	bool wait_end;		      /* wait_end_of_query=1: the status follows the whole result */
	const char *protocol_version; /* client_protocol_version, of the format Native; NULL for none */
	const char *format_schema;    /* NULL when the request names none */
	struct buf error;	      /* an exception text for an invalid request */
};

/* Parse into *r, which must be all zero. Afterwards r->error is empty or has the reason for a refusal. */
void request_parse(struct request *r, struct MHD_Connection *connection, const char *method);
void request_free(struct request *r);

/* Append 'text' as an SQL string literal. */
void sql_quote(struct buf *b, const char *text);

#endif
