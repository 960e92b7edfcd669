/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The statement is the `query` of the URL and, after a line end, the body, as
 * ClickHouse joins them. As soon as sql_head_parse() has found where the data of
 * an INSERT begins, the data is pushed into the engine piece by piece, so that an
 * insert of any size needs no memory here. A query's result comes in pieces as
 * well: the first one is fetched before the status is chosen, so that nearly
 * every error still gets its proper HTTP status; one that comes later is written
 * into the body and the connection is cut, so that a client sees both.
 */
#include "clickhouse/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "clickhouse/request.h"
#include "clickhouse/server.h"
#include "clickhouse/sql.h"
#include "clickhouse/status.h"

/* ClickHouse's max_query_size is 256 KiB; a statement with its inline VALUES may be longer. */
#define STATEMENT_MAX  (16 << 20)
/* How much of a result is asked for at a time, and inflated at a time (on the stack). */
#define BLOCK_BYTES    (64 << 10)
#define INFLATE_BYTES  (16 << 10)
#define DEFAULT_FORMAT "TabSeparated"

enum exchange_state { EXCHANGE_HEAD, EXCHANGE_DATA, EXCHANGE_FAILED, EXCHANGE_ANSWER };

struct exchange {
	struct exchange_context *context;
	struct MHD_Connection *connection;
	struct request request;
	enum exchange_state state;
	struct buf head;  /* the statement as far as it has been read */
	struct buf error; /* an exception text */
	bool has_place;	  /* holds a place of context->queries */
	struct engine_session *session;
	struct engine_insert *insert;
	struct engine_stream *stream;
	struct engine_counts counts;
	struct str piece; /* of the result, not sent yet */
	struct buf whole; /* wait_end_of_query: the whole result */
	bool result_over, inflating, deflating, deflate_over;
	z_stream inflate, deflate;
	char query_id[37];
	char format[64];
};

static void fail(struct exchange *x)
{
	x->state = EXCHANGE_FAILED;
	engine_insert_free(take_ptr(x->insert));
}

/* Checked in constant time: the answer must not tell how much of a password was right. */
static bool same_text(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned char diff = na != nb;

	for (size_t i = 0; i < na; i++)
		diff |= (unsigned char)(a[i] ^ b[nb ? i % nb : 0]);
	return !diff;
}

static void authenticate(struct exchange *x)
{
	const char *user = x->request.user ? x->request.user : "default";
	const char *password = x->request.password ? x->request.password : "";

	if (same_text(user, x->context->user) && same_text(password, x->context->password))
		return;
	if (!*password && *x->context->password)
		buf_printf(&x->error,
			   "Code: 194. DB::Exception: %s: Authentication failed: password is required. "
			   "(REQUIRED_PASSWORD)",
			   user);
	else
		buf_printf(&x->error,
			   "Code: 516. DB::Exception: %s: Authentication failed: password is incorrect, "
			   "or there is no user with such name. (AUTHENTICATION_FAILED)",
			   user);
}

/* A random UUID (RFC 9562, version 4). */
static void make_query_id(char id[static 37])
{
	unsigned char r[16];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		memset(r, 0, sizeof(r));
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	snprintf(id, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
		 r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

struct exchange *exchange_new(struct exchange_context *context, struct MHD_Connection *connection,
			      const char *method)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->context = context;
	x->connection = connection;
	request_parse(&x->request, connection, method);
	make_query_id(x->query_id);
	authenticate(x);
	if (!x->error.len && x->request.error.len)
		buf_append(&x->error, x->request.error.data, x->request.error.len);
	if (!x->error.len && x->request.gzip_body)
		x->inflating = inflateInit2(&x->inflate, 16 + MAX_WBITS) == Z_OK;
	if (x->request.query && *x->request.query) {
		buf_str(&x->head, x->request.query);
		buf_byte(&x->head, '\n');
	}
	if (x->error.len)
		x->state = EXCHANGE_FAILED;
	return x;
}

static bool take_place(struct exchange *x)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SERVER_QUEUE_SECONDS;
	while (sem_timedwait(&x->context->queries, &until))
		if (errno != EINTR) {
			buf_printf(&x->error,
				   "Code: 202. DB::Exception: Too many simultaneous queries. Maximum: %d. "
				   "(TOO_MANY_SIMULTANEOUS_QUERIES)",
				   SERVER_QUERIES_MAX);
			return false;
		}
	return x->has_place = true;
}

static int session_statement(struct exchange *x, const char *statement)
{
	return engine_run(x->session, str_of(statement), DEFAULT_FORMAT, NULL, NULL, NULL, &x->error);
}

/* A session with the request's database and settings. -EIO with x->error. */
static int open_session(struct exchange *x)
{
	_cleanup_buf_ struct buf text = {0};

	if (!take_place(x))
		return -EIO;
	x->session = engine_session_new(x->context->engine, &x->error);
	if (!x->session)
		return -EIO;
	if (!x->request.format_schema && *x->context->format_schema) {
		buf_str(&text, "SET format_schema = ");
		sql_quote(&text, x->context->format_schema);
		if (session_statement(x, buf_cstr(&text)))
			return -EIO;
		buf_reset(&text);
	}
	if (x->request.database && *x->request.database) {
		buf_str(&text, "USE {database:Identifier}");
		struct engine_params p = {(const char *[]){"database"}, (const char *[]){x->request.database},
					  1};
		if (engine_run(x->session, (struct str){(char *)text.data, (uint32_t)text.len},
			       DEFAULT_FORMAT, &p, NULL, NULL, &x->error))
			return -EIO;
	}
	return x->request.set.len ? session_statement(x, buf_cstr(&x->request.set)) : 0;
}

static void set_format(struct exchange *x, struct str found, const char *fallback)
{
	if (found.len && found.len < sizeof(x->format))
		snprintf(x->format, sizeof(x->format), "%.*s", (int)found.len, found.p);
	else
		snprintf(x->format, sizeof(x->format), "%s", fallback);
}

/* The head names an INSERT: starts it and pushes what follows the head. */
static void start_insert(struct exchange *x, const struct sql_head *head)
{
	_cleanup_buf_ struct buf statement = {0};

	buf_append(&statement, head->statement.p, head->statement.len);
	if (head->settings.len) {
		buf_byte(&statement, ' ');
		buf_append(&statement, head->settings.p, head->settings.len);
	}
	set_format(x, head->format, x->request.default_format ? x->request.default_format : DEFAULT_FORMAT);
	if (x->request.readonly) {
		buf_str(
		    &x->error,
		    "Code: 164. DB::Exception: default: Cannot execute query in readonly mode. For queries "
		    "over HTTP, method GET implies readonly. You should use method POST for modifying "
		    "queries. (READONLY)");
		return fail(x);
	}
	if (open_session(x))
		return fail(x);
	x->insert =
	    engine_insert_new(x->session, (struct str){(char *)statement.data, (uint32_t)statement.len},
			      x->format, &x->request.params, &x->error);
	if (!x->insert)
		return fail(x);
	x->state = EXCHANGE_DATA;
	if (head->data < x->head.len &&
	    engine_insert_push(x->insert, x->head.data + head->data, x->head.len - head->data)) {
		engine_insert_end(x->insert, &x->counts, &x->error);
		fail(x);
	}
}

/* A plain piece of the body. */
static void take_plain(struct exchange *x, const void *data, size_t len)
{
	struct sql_head head;

	if (x->state == EXCHANGE_DATA) {
		if (engine_insert_push(x->insert, data, len)) {
			engine_insert_end(x->insert, &x->counts, &x->error);
			fail(x);
		}
		return;
	}
	/* The first piece decides, unless it ends within the head of an INSERT. */
	buf_append(&x->head, data, len);
	if (x->head.len > STATEMENT_MAX || !buf_ok(&x->head)) {
		buf_printf(&x->error,
			   "Code: 164. DB::Exception: The statement is longer than %d bytes. "
			   "(QUERY_IS_TOO_LARGE)",
			   STATEMENT_MAX);
		return fail(x);
	}
	if (sql_head_parse((char *)x->head.data, x->head.len, false, &head) == SQL_HEAD_INSERT)
		start_insert(x, &head);
}

static void take_gzip(struct exchange *x, const void *data, size_t len)
{
	unsigned char out[INFLATE_BYTES];
	int rc = Z_OK;

	x->inflate.next_in = (unsigned char *)data;
	x->inflate.avail_in = (unsigned)len;
	while (rc == Z_OK && x->state < EXCHANGE_FAILED) {
		x->inflate.next_out = out;
		x->inflate.avail_out = INFLATE_BYTES;
		rc = inflate(&x->inflate, Z_NO_FLUSH);
		if (x->inflate.avail_out < INFLATE_BYTES)
			take_plain(x, out, INFLATE_BYTES - x->inflate.avail_out);
		else
			break;
	}
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR && x->state < EXCHANGE_FAILED) {
		buf_str(&x->error, "Code: 354. DB::Exception: The body is no gzip stream: inflate failed. "
				   "(ZLIB_INFLATE_FAILED)");
		fail(x);
	}
}

void exchange_body(struct exchange *x, const char *data, size_t len)
{
	if (x->state == EXCHANGE_FAILED)
		return;
	if (x->inflating)
		take_gzip(x, data, len);
	else
		take_plain(x, data, len);
}

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
	enum MHD_Result rc = MHD_queue_response(x->connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

/* "text (version V)\n", as ClickHouse ends an exception. */
static void finish_error_text(struct exchange *x)
{
	const char *text = buf_cstr(&x->error);

	if (text && !strstr(text, "(version ") && x->context->version.len)
		buf_printf(&x->error, " (version %s (official build))", buf_cstr(&x->context->version));
	buf_byte(&x->error, '\n');
}

static enum MHD_Result answer_error(struct exchange *x)
{
	char code[16];
	const char *text = buf_cstr(&x->error);
	unsigned status = status_http(text ? text : "");

	snprintf(code, sizeof(code), "%u", status_code(text ? text : ""));
	log_info("http", "%u: %.300s", status, text ? text : "no memory");
	finish_error_text(x);
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(x->error.len, x->error.data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	add_headers(x, response, "text/plain; charset=UTF-8");
	MHD_add_response_header(response, "X-ClickHouse-Exception-Code", code);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					"Basic realm=\"ClickHouse server HTTP API\"");
	return queue(x, status, response);
}

static enum MHD_Result answer_insert(struct exchange *x)
{
	if (engine_insert_end(x->insert, &x->counts, &x->error)) {
		fail(x);
		return answer_error(x);
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	add_headers(x, response, "text/plain; charset=UTF-8");
	return queue(x, MHD_HTTP_OK, response);
}

/* Makes x->piece non-empty or x->result_over true. -EIO on an exception. */
static int more_result(struct exchange *x)
{
	while (!x->piece.len && !x->result_over) {
		int rc = engine_stream_next(x->stream, &x->piece, &x->error);
		if (rc < 0)
			return rc;
		x->result_over = rc == 0;
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
	x->deflate_over = deflate(&x->deflate, x->result_over ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
	x->piece.p += x->piece.len - x->deflate.avail_in;
	x->piece.len = x->deflate.avail_in;
	return max - x->deflate.avail_out;
}

/* Gives MHD the next bytes of the body. The exception of a broken stream is its last piece. */
static ssize_t read_result(void *data, uint64_t pos, char *to, size_t max)
{
	struct exchange *x = data;

	if (x->state == EXCHANGE_FAILED)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	for (;;) {
		if (more_result(x)) {
			finish_error_text(x);
			x->state = EXCHANGE_FAILED;
			x->piece = (struct str){(char *)x->error.data, (uint32_t)x->error.len};
			return x->deflating ? MHD_CONTENT_READER_END_WITH_ERROR
					    : (ssize_t)take_piece(x, to, max);
		}
		if (x->result_over && (x->deflating ? x->deflate_over : !x->piece.len))
			return MHD_CONTENT_READER_END_OF_STREAM;
		size_t n = x->deflating ? take_deflated(x, to, max) : take_piece(x, to, max);
		if (n)
			return (ssize_t)n;
	}
}

/* wait_end_of_query: the whole result first, so that a late exception still has its status. */
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

static int run_query(struct exchange *x)
{
	struct str statement = {(char *)x->head.data, (uint32_t)x->head.len};
	size_t pos = 0;

	if (!sql_next_statement(statement.p, statement.len, &pos, &statement)) {
		buf_str(&x->error, "Code: 62. DB::Exception: Syntax error: Empty query. (SYNTAX_ERROR)");
		return -EIO;
	}
	set_format(x, sql_output_format(statement.p, statement.len),
		   x->request.default_format && *x->request.default_format ? x->request.default_format
									   : DEFAULT_FORMAT);
	/* From its first word to the end of the text: a second statement is the engine's to refuse. */
	statement.len = (uint32_t)((char *)x->head.data + x->head.len - statement.p);
	if (open_session(x))
		return -EIO;
	x->stream = engine_stream_new(x->session, statement, x->format, &x->request.params, &x->error);
	if (!x->stream)
		return -EIO;
	if (x->request.wait_end ? collect_result(x) : more_result(x))
		return -EIO;
	engine_stream_counts(x->stream, &x->counts);
	return 0;
}

static enum MHD_Result answer_query(struct exchange *x)
{
	if (run_query(x))
		return answer_error(x);
	if (x->request.accepts_gzip)
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

enum MHD_Result exchange_answer(struct exchange *x)
{
	struct sql_head head;

	if (x->state == EXCHANGE_HEAD &&
	    sql_head_parse((char *)x->head.data, x->head.len, true, &head) == SQL_HEAD_INSERT)
		start_insert(x, &head);
	if (x->state == EXCHANGE_FAILED)
		return answer_error(x);
	return x->state == EXCHANGE_DATA ? answer_insert(x) : answer_query(x);
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	engine_insert_free(x->insert);
	engine_stream_free(x->stream);
	engine_session_free(x->session);
	if (x->has_place)
		sem_post(&x->context->queries);
	if (x->inflating)
		inflateEnd(&x->inflate);
	if (x->deflating)
		deflateEnd(&x->deflate);
	request_free(&x->request);
	buf_free(&x->head);
	buf_free(&x->error);
	buf_free(&x->whole);
	free(x);
}
