/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The statement is the `query` of the URL and, after a line end, the body, as
 * ClickHouse joins them. Once sql_head_parse() has found the beginning of an INSERT's
 * data, the data is pushed into the engine piece by piece, so that the size of an
 * insert does not matter for memory. The answers are in answer.c.
 */
#include "clickhouse/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "clickhouse/exchange_internal.h"
#include "clickhouse/password.h"
#include "clickhouse/server.h"
#include "clickhouse/sql.h"

/* ClickHouse's max_query_size is 256 KiB; a statement with its inline VALUES may be longer. */
#define STATEMENT_MAX	  (16 << 20)
/* Bytes inflated at a time, on the stack. */
#define INFLATE_BYTES	  (16 << 10)
/* Seconds after its time limit within which a statement should end by itself. */
#define END_GRACE_SECONDS 2
/* Prefix of a statement's number in its setting log_comment. */
#define STATEMENT_MARK	  "xtcp2-http-"

void exchange_fail(struct exchange *x)
{
	x->state = EXCHANGE_FAILED;
	engine_insert_free(take_ptr(x->insert));
}

static void deny(struct exchange *x, const char *why)
{
	buf_printf(&x->error, "Code: 497. DB::Exception: %s (ACCESS_DENIED)", why);
}

/* Authenticate the request: set x->role, or x->error. */
static void authenticate(struct exchange *x)
{
	const struct exchange_context *c = x->context;
	const char *user = x->request.user ? x->request.user : "default";
	const char *password = x->request.password ? x->request.password : "";
	bool reader = !strcmp(user, c->reader);

	x->role = reader ? ACCESS_READER : ACCESS_OWNER;
	/* Both passwords are always compared, so that the time does not reveal which user exists. */
	bool owner_right = password_same(password, c->password),
	     reader_right = password_same(password, c->reader_password);
	if ((reader || !strcmp(user, c->user)) && (!*c->password || (reader ? reader_right : owner_right)))
		return;
	if (!*password && *c->password)
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

/* Write a random UUID (RFC 9562, version 4). */
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
			      const char *method, struct watched *watched)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->context = context;
	x->connection = connection;
	x->watched = watched;
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
	watch_state(watched, x->error.len ? WATCH_REFUSED : WATCH_SERVED);
	return x;
}

static bool take_place(struct exchange *x)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SERVER_QUEUE_SECONDS;
	while (sem_clockwait(&x->context->queries, CLOCK_MONOTONIC, &until))
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

/* Settings that come last, so that the request's own cannot override them. */
static int lock_session(struct exchange *x)
{
	char text[128];

	x->number = 1 + atomic_fetch_add(&x->context->statements, 1);
	snprintf(text, sizeof(text), "SET log_comment = '" STATEMENT_MARK "%llu'",
		 (unsigned long long)x->number);
	if (session_statement(x, text))
		return -EIO;
	if (x->role != ACCESS_READER && !x->request.readonly)
		return 0;
	return session_statement(x, x->role == ACCESS_READER ? "SET readonly = 1" : "SET readonly = 2");
}

/* Open a session with the rights of the request's user, its database and settings. -EIO with x->error. */
static int open_session(struct exchange *x)
{
	_cleanup_buf_ struct buf text = {0};

	if (!take_place(x))
		return -EIO;
	x->session = engine_session_new(x->context->engine, &x->error);
	if (!x->session || session_statement(x, access_roles(x->role, x->context->files)))
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
	if (x->request.set.len && session_statement(x, buf_cstr(&x->request.set)))
		return -EIO;
	return lock_session(x);
}

/* From here on the statement runs, and the end of the client ends it. */
static void watch_statement(struct exchange *x)
{
	int64_t limit = (x->context->max_query_seconds + END_GRACE_SECONDS) * NS_PER_SEC;

	watch_running(x->watched, x->number, clock_mono_ns() + limit);
}

/*
 * Refuse two things that the engine's access control does not cover: a second statement, which would run with
 * settings changed by the first, and access to files through the client part of the library. -EIO with
 * x->error.
 */
static int check_statement(struct exchange *x, struct str statement)
{
	bool files = sql_names_files(statement.p, statement.len);
	struct engine_analysis analysis;

	for (size_t i = 0; i < x->request.params.count; i++)
		files |= sql_names_files(x->request.params.values[i], strlen(x->request.params.values[i])) &&
			 !strpbrk(x->request.params.values[i], " \t\n");
	if (files && (x->role == ACCESS_READER || !x->context->files)) {
		deny(x,
		     "Files are out of reach: file(), INFILE and OUTFILE need -allowFiles. (With a comment "
		     "in the statement these words are refused inside of literals as well.)");
		return -EIO;
	}
	if (!engine_analyse(x->session, statement, &analysis)) {
		deny(x, "The engine cannot tell what the statement does.");
		return -EIO;
	}
	/* The engine lets each session end statements of its one user, and readonly may miss other
	 * statements too. */
	if (x->role == ACCESS_READER && analysis.statements && !analysis.reads_only) {
		deny(x, "This user may only read.");
		return -EIO;
	}
	if (analysis.statements > 1) {
		buf_str(&x->error, "Code: 62. DB::Exception: Syntax error: Multi-statements are not allowed. "
				   "(SYNTAX_ERROR)");
		return -EIO;
	}
	return 0;
}

static void set_format(struct exchange *x, struct str found, const char *fallback)
{
	if (found.len && found.len < sizeof(x->format))
		snprintf(x->format, sizeof(x->format), "%.*s", (int)found.len, found.p);
	else
		snprintf(x->format, sizeof(x->format), "%s", fallback);
}

/*
 * Return whether the data is envelopes of records: the engine reads one ProtobufList per body, but a
 * recording has many. Passed as Protobuf, the rows of all envelopes are inserted.
 */
static bool is_record_list(const struct exchange *x)
{
	const char *schema = x->request.format_schema, *ours = x->context->format_schema;

	return !strcasecmp(x->format, "ProtobufList") && *ours && (!schema || !strcmp(schema, ours));
}

static int check_insert(struct exchange *x, const struct buf *statement)
{
	_cleanup_buf_ struct buf whole = {0};

	/* The parser needs a mark in the place of the data. */
	buf_append(&whole, statement->data, statement->len);
	buf_str(&whole, " FORMAT Null");
	if (!buf_ok(&whole))
		return -EIO;
	return check_statement(x, (struct str){(char *)whole.data, (uint32_t)whole.len});
}

static void bad_list(struct exchange *x)
{
	buf_str(&x->error, "Code: 436. DB::Exception: The body is no sequence of length-delimited envelopes: "
			   "ProtobufList is damaged or cut. (PROTOBUF_BAD_CAST)");
	exchange_fail(x);
}

/* Push data of an INSERT into the engine. */
static void push(struct exchange *x, const void *data, size_t len)
{
	if (x->listed) {
		buf_reset(&x->rows);
		if (protobuf_list_push(&x->list, data, len, &x->rows))
			return bad_list(x);
		data = x->rows.data;
		len = x->rows.len;
	}
	if (len && engine_insert_push(x->insert, data, len)) {
		engine_insert_end(x->insert, &x->counts, &x->error);
		exchange_fail(x);
	}
}

/* Start the INSERT of the head and push the data that follows it. */
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
		return exchange_fail(x);
	}
	x->listed = is_record_list(x);
	if (open_session(x) || check_insert(x, &statement))
		return exchange_fail(x);
	x->insert =
	    engine_insert_new(x->session, (struct str){(char *)statement.data, (uint32_t)statement.len},
			      x->listed ? "Protobuf" : x->format, &x->request.params, &x->error);
	if (!x->insert)
		return exchange_fail(x);
	x->state = EXCHANGE_DATA;
	if (head->data < x->head.len)
		push(x, x->head.data + head->data, x->head.len - head->data);
}

/* Handle a piece of the body, decompressed. */
static void take_plain(struct exchange *x, const void *data, size_t len)
{
	struct sql_head head;

	if (x->state == EXCHANGE_DATA)
		return push(x, data, len);
	/* The first piece shows the kind of statement, unless it ends within the head of an INSERT. */
	buf_append(&x->head, data, len);
	if (x->head.len > STATEMENT_MAX || !buf_ok(&x->head)) {
		buf_printf(&x->error,
			   "Code: 164. DB::Exception: The statement is longer than %d bytes. "
			   "(QUERY_IS_TOO_LARGE)",
			   STATEMENT_MAX);
		return exchange_fail(x);
	}
	if (sql_head_parse((char *)x->head.data, x->head.len, false, &head) == SQL_HEAD_INSERT)
		start_insert(x, &head);
}

/* Code 271 is ClickHouse's for a block that it cannot decompress. */
static void bad_block(struct exchange *x, const char *why)
{
	buf_printf(&x->error, "Code: 271. DB::Exception: %s. (CANNOT_DECOMPRESS)", why);
	exchange_fail(x);
}

static void take_blocks(struct exchange *x, const void *data, size_t len)
{
	struct str left = {data, (uint32_t)len};
	const char *why;
	int r = 1;

	while (r > 0 && x->state < EXCHANGE_FAILED) {
		r = block_read(&x->blocks, &left, &why);
		if (r > 0)
			take_plain(x, x->blocks.out.data, x->blocks.out.len);
		else if (r < 0)
			bad_block(x, why);
	}
}

/* Handle a piece of the body after its content coding. */
static void take_decoded(struct exchange *x, const void *data, size_t len)
{
	if (x->request.block_body)
		take_blocks(x, data, len);
	else
		take_plain(x, data, len);
}

static void take_gzip(struct exchange *x, const void *data, size_t len)
{
	unsigned char out[INFLATE_BYTES];
	int r = Z_OK;

	x->inflate.next_in = (unsigned char *)data;
	x->inflate.avail_in = (unsigned)len;
	while (r == Z_OK && x->state < EXCHANGE_FAILED) {
		x->inflate.next_out = out;
		x->inflate.avail_out = INFLATE_BYTES;
		r = inflate(&x->inflate, Z_NO_FLUSH);
		if (x->inflate.avail_out < INFLATE_BYTES)
			take_decoded(x, out, INFLATE_BYTES - x->inflate.avail_out);
		else
			break;
	}
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR && x->state < EXCHANGE_FAILED) {
		buf_str(&x->error, "Code: 354. DB::Exception: The body is no gzip stream: inflate failed. "
				   "(ZLIB_INFLATE_FAILED)");
		exchange_fail(x);
	}
}

void exchange_body(struct exchange *x, const char *data, size_t len)
{
	if (x->state == EXCHANGE_FAILED)
		return;
	if (x->inflating)
		take_gzip(x, data, len);
	else
		take_decoded(x, data, len);
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
	/* From its first word to the end of the text: the engine refuses a second statement. */
	statement.len = (uint32_t)((char *)x->head.data + x->head.len - statement.p);
	if (open_session(x) || check_statement(x, statement))
		return -EIO;
	watch_statement(x);
	if (x->request.protocol_version && !strcasecmp(x->format, "Native"))
		x->native.version = (uint32_t)strtoul(x->request.protocol_version, NULL, 10);
	x->stream = engine_stream_new(x->session, statement, x->format, &x->request.params, &x->error);
	if (!x->stream)
		return -EIO;
	return answer_prepare(x);
}

static enum MHD_Result answer_query(struct exchange *x)
{
	return run_query(x) ? answer_error(x) : answer_result(x);
}

enum MHD_Result exchange_answer(struct exchange *x)
{
	struct sql_head head;

	if (x->state < EXCHANGE_FAILED && !block_complete(&x->blocks))
		bad_block(x, "The last compressed block of the body is cut");
	if (x->state == EXCHANGE_HEAD &&
	    sql_head_parse((char *)x->head.data, x->head.len, true, &head) == SQL_HEAD_INSERT)
		start_insert(x, &head);
	if (x->state == EXCHANGE_DATA && x->listed && !protobuf_list_complete(&x->list))
		bad_list(x);
	if (x->state == EXCHANGE_FAILED)
		return answer_error(x);
	if (x->state != EXCHANGE_DATA)
		return answer_query(x);
	watch_statement(x);
	return answer_insert(x);
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
	buf_free(&x->rows);
	buf_free(&x->framed);
	buf_free(&x->versioned);
	native_free(&x->native);
	block_reader_free(&x->blocks);
	free(x);
}

void exchange_end_statement(void *data, uint64_t number)
{
	struct exchange_context *context = data;
	_cleanup_buf_ struct buf error = {0};
	char text[160];
	struct engine_session *s = engine_session_new(context->engine, &error);

	snprintf(text, sizeof(text),
		 "KILL QUERY WHERE Settings['log_comment'] = '" STATEMENT_MARK "%llu' ASYNC",
		 (unsigned long long)number);
	if (s && !engine_run(s, str_of(text), DEFAULT_FORMAT, NULL, NULL, NULL, &error))
		log_info("http", "statement %llu is ended: its client has left or its time is over",
			 (unsigned long long)number);
	else
		log_warn("http", "statement %llu cannot be ended: %.200s", (unsigned long long)number,
			 error.len ? buf_cstr(&error) : "no memory");
	engine_session_free(s);
}
