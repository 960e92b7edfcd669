/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_EXCHANGE_INTERNAL_H
#define CLICKHOUSE_EXCHANGE_INTERNAL_H
/* Shared by exchange.c, which reads a request and starts its statement, and answer.c, which answers it. */
#include <zlib.h>

#include "clickhouse/block.h"
#include "clickhouse/exchange.h"
#include "clickhouse/native.h"
#include "clickhouse/protobuf_list.h"
#include "clickhouse/request.h"

#define DEFAULT_FORMAT "TabSeparated"

enum exchange_state { EXCHANGE_HEAD, EXCHANGE_DATA, EXCHANGE_FAILED, EXCHANGE_ANSWER };

struct exchange {
	struct exchange_context *context;
	struct MHD_Connection *connection;
	struct request request;
	enum exchange_state state;
	struct watched *watched;
	enum access_role role;
	uint64_t number;  /* of the statement */
	struct buf head;  /* the part of the statement read so far */
	struct buf error; /* an exception text */
	bool has_place;	  /* holds a slot of context->queries */
	struct engine_session *session;
	struct engine_insert *insert;
	bool listed;		   /* the data is a ProtobufList, passed to the engine as Protobuf */
	struct protobuf_list list; /* its parser's state */
	struct buf rows;	   /* the converted last piece */
	struct engine_stream *stream;
	struct engine_counts counts;
	struct str piece;	    /* of the result, not sent yet */
	struct buf whole;	    /* wait_end_of_query: the whole result */
	struct native native;	    /* of the result, where native.version is not 0 */
	struct buf versioned;	    /* its blocks for that version */
	struct block_reader blocks; /* of the body */
	struct buf framed;	    /* a block of the answer, sent up to framed_at */
	size_t framed_at;
	bool result_over, inflating, deflating, deflate_over;
	z_stream inflate, deflate;
	char query_id[37];
	char format[64];
};

/* Mark the request as failed and abandon its insert. x->error has the reason. */
void exchange_fail(struct exchange *x);

/* The answers; each queues a response. */
enum MHD_Result answer_error(struct exchange *x);
enum MHD_Result answer_insert(struct exchange *x);
/* Fetch the first piece of x->stream, or all of it with wait_end_of_query. -EIO with x->error. */
int answer_prepare(struct exchange *x);
/* Send the result that answer_prepare() has begun. */
enum MHD_Result answer_result(struct exchange *x);

#endif
