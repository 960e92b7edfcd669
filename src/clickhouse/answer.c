/* SPDX-License-Identifier: MIT */
/*
 * A query's result arrives in pieces. The first one is fetched before the HTTP status is chosen, so that
 * nearly every error still gets its proper status. A later error is written into the body and the connection
 * is closed early, so that a client notices both.
 */
#include <errno.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "clickhouse/exchange_internal.h"
#include "clickhouse/status.h"

/* Bytes of one piece of a result. */
#define BLOCK_BYTES (64 << 10)

static void add_headers(struct exchange *x, struct MHD_Response *response, const char *content_type)
{
	char summary[320];
	const char *id = x->request.query_id && *x->request.query_id ? x->request.query_id : x->query_id;

	snprintf(summary, sizeof(summary),
		 "{\"read_rows\":\"%llu\",\"read_bytes\":\"%llu\","
		 "\"written_rows\":\"%llu\",\"written_bytes\":\"%llu\",\"total_rows_to_read\":\"0\","
		 "\"result_rows\":\"%llu\",\"result_bytes\":\"%llu\",\"elapsed_ns\":\"%.0f\"}",
		 (unsigned long long)x->counts.read_rows, (unsigned long long)x->counts.read_bytes,
		 (unsigned long long)x->counts.written_rows, (unsigned long long)x->counts.written_bytes,
		 (unsigned long long)x->counts.written_rows, (unsigned long long)x->counts.written_bytes,
		 x->counts.seconds * 1e9);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, "X-ClickHouse-Summary", summary);
	MHD_add_response_header(response, "X-ClickHouse-Query-Id", id);
	MHD_add_response_header(response, "X-ClickHouse-Server-Display-Name", x->context->display_name);
	if (x->context->timezone.len)
		MHD_add_response_header(response, "X-ClickHouse-Timezone", buf_cstr(&x->context->timezone));
}

static enum MHD_Result queue(struct exchange *x, unsigned status, struct MHD_Response *response)
{
	x->state = EXCHANGE_ANSWER;
	enum MHD_Result r = MHD_queue_response(x->connection, status, response);
	MHD_destroy_response(response);
	return r;
}

/* Say what to do with a recording that file() or INFILE cannot read. */
static void add_remedy(struct buf *error)
{
	const char *text = buf_cstr(error);

	if (text && strstr(text, "Unexpected end of ProtobufList message: (in file/uri "))
		buf_str(
		    error,
		    ". In ProtobufList the engine reads files of one envelope, and recordings have many: insert it "
		    "(xtcp2-clickhouse query -insert), or convert it (xtcp2 cat -marshal jsonl)");
}

/* "text (version V)\n", as ClickHouse ends an exception. */
static void finish_error_text(struct exchange *x)
{
	add_remedy(&x->error);
	const char *text = buf_cstr(&x->error);

	if (text && !strstr(text, "(version ") && x->context->version.len)
		buf_printf(&x->error, " (version %s (official build))", buf_cstr(&x->context->version));
	buf_byte(&x->error, '\n');
}

enum MHD_Result answer_error(struct exchange *x)
{
	char code[16];
	const char *text = buf_cstr(&x->error);
	unsigned status = status_http(text ? text : "");

	snprintf(code, sizeof(code), "%u", status_code(text ? text : ""));
	log_info("http", "%u: %.300s", status, text ? text : "no memory");
	finish_error_text(x);
	const struct buf *body = &x->error;
	/* A driver that reads blocks reads this as one, too. */
	if (x->request.block_answer) {
		buf_reset(&x->framed);
		block_append(&x->framed, x->error.data, (uint32_t)x->error.len);
		body = &x->framed;
	}
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	add_headers(x, response, "text/plain; charset=UTF-8");
	MHD_add_response_header(response, "X-ClickHouse-Exception-Code", code);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					"Basic realm=\"ClickHouse server HTTP API\"");
	return queue(x, status, response);
}

enum MHD_Result answer_insert(struct exchange *x)
{
	if (engine_insert_end(x->insert, &x->counts, &x->error)) {
		exchange_fail(x);
		return answer_error(x);
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	add_headers(x, response, "text/plain; charset=UTF-8");
	return queue(x, MHD_HTTP_OK, response);
}

/* Turn the piece into blocks of the version that the client reads. -EIO on a type that cannot be. */
static int to_version(struct exchange *x)
{
	struct str type;

	buf_reset(&x->versioned);
	int r = native_push(&x->native, x->piece.p, x->piece.len, &x->versioned, &type);
	if (r == 0 && x->result_over && !native_complete(&x->native))
		r = -EBADMSG;
	if (r == -ENOTSUP)
		buf_printf(&x->error,
			   "Code: 48. DB::Exception: Type %.*s is not supported in the format Native with "
			   "client_protocol_version. (NOT_IMPLEMENTED)",
			   type.len < 200 ? (int)type.len : 200, type.p);
	else if (r < 0 || !buf_ok(&x->versioned))
		buf_str(&x->error, "Code: 49. DB::Exception: The result is no sequence of Native blocks. "
				   "(LOGICAL_ERROR)");
	if (x->error.len)
		return -EIO;
	x->piece = (struct str){(const char *)x->versioned.data, (uint32_t)x->versioned.len};
	return 0;
}

/* Fetch the next piece: x->piece is non-empty or x->result_over true. -EIO on an exception. */
static int more_result(struct exchange *x)
{
	while (!x->piece.len && !x->result_over) {
		int r = engine_stream_next(x->stream, &x->piece, &x->error);
		if (r < 0)
			return r;
		x->result_over = r == 0;
		if (x->native.version && to_version(x))
			return -EIO;
	}
	return 0;
}

static size_t take_piece(struct exchange *x, char *to, size_t max)
{
	size_t n = x->piece.len < max ? x->piece.len : max;

	memcpy(to, x->piece.p, n);
	x->piece.p += n;
	x->piece.len -= (uint32_t)n;
	return n;
}

static size_t take_deflated(struct exchange *x, char *to, size_t max)
{
	x->deflate.next_in = (unsigned char *)x->piece.p;
	x->deflate.avail_in = x->piece.len;
	x->deflate.next_out = (unsigned char *)to;
	x->deflate.avail_out = (unsigned)max;
	/* A failed result has no end, but its text must not stay in here. */
	int flush = x->state == EXCHANGE_FAILED ? Z_SYNC_FLUSH : x->result_over ? Z_FINISH : Z_NO_FLUSH;
	x->deflate_over = deflate(&x->deflate, flush) == Z_STREAM_END;
	x->piece.p += x->piece.len - x->deflate.avail_in;
	x->piece.len = x->deflate.avail_in;
	return max - x->deflate.avail_out;
}

/* The piece as a block; an empty piece makes none. */
static size_t take_framed(struct exchange *x, char *to, size_t max)
{
	if (x->framed_at == x->framed.len && x->piece.len) {
		uint32_t n = x->piece.len < BLOCK_MAX ? x->piece.len : BLOCK_MAX;
		buf_reset(&x->framed);
		block_append(&x->framed, x->piece.p, n);
		x->framed_at = 0;
		x->piece.p += n;
		x->piece.len -= n;
	}
	size_t left = x->framed.len - x->framed_at, n = left < max ? left : max;
	memcpy(to, x->framed.data + x->framed_at, n);
	x->framed_at += n;
	return n;
}

static size_t take(struct exchange *x, char *to, size_t max)
{
	return x->deflating		 ? take_deflated(x, to, max)
	       : x->request.block_answer ? take_framed(x, to, max)
					 : take_piece(x, to, max);
}

/* Tell whether all bytes of the result have been given away. */
static bool is_over(const struct exchange *x)
{
	return x->result_over && (x->deflating ? x->deflate_over : !x->piece.len) &&
	       x->framed_at == x->framed.len;
}

/* The exception of a failed stream is its last piece, behind all that was read before. */
static void fail_late(struct exchange *x)
{
	const char *text = buf_cstr(&x->error);

	log_info("http", "after the begin of a result: %.300s", text ? text : "no memory");
	finish_error_text(x);
	x->state = EXCHANGE_FAILED;
	x->piece = (struct str){(char *)x->error.data, (uint32_t)x->error.len};
}

/* Give MHD the next bytes of the body. */
static ssize_t read_result(void *data, uint64_t pos, char *to, size_t max)
{
	struct exchange *x = data;

	for (;;) {
		if (x->state != EXCHANGE_FAILED && more_result(x))
			fail_late(x);
		if (!buf_ok(&x->framed))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (x->state != EXCHANGE_FAILED && is_over(x))
			return MHD_CONTENT_READER_END_OF_STREAM;
		size_t n = take(x, to, max);
		if (n)
			return (ssize_t)n;
		if (x->state == EXCHANGE_FAILED)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
}

/* wait_end_of_query: fetch the whole result first, so that a late exception still sets the status. */
static int collect_result(struct exchange *x)
{
	while (!x->result_over) {
		if (more_result(x))
			return -EIO;
		buf_append(&x->whole, x->piece.p, x->piece.len);
		x->piece.len = 0;
	}
	if (!buf_ok(&x->whole)) {
		buf_str(&x->error, "Code: 241. DB::Exception: The result is too large for wait_end_of_query. "
				   "(MEMORY_LIMIT_EXCEEDED)");
		return -EIO;
	}
	x->piece = (struct str){(char *)x->whole.data, (uint32_t)x->whole.len};
	return 0;
}

int answer_prepare(struct exchange *x)
{
	if (x->request.wait_end ? collect_result(x) : more_result(x))
		return -EIO;
	engine_stream_counts(x->stream, &x->counts);
	return 0;
}

enum MHD_Result answer_result(struct exchange *x)
{
	if (x->request.accepts_gzip && !x->request.block_answer)
		x->deflating = deflateInit2(&x->deflate, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8,
					    Z_DEFAULT_STRATEGY) == Z_OK;
	struct MHD_Response *response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_result, x, NULL);
	if (!response)
		return MHD_NO;
	add_headers(x, response, status_content_type(str_of(x->format)));
	MHD_add_response_header(response, "X-ClickHouse-Format", x->format);
	if (x->deflating)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	return queue(x, MHD_HTTP_OK, response);
}
