/* SPDX-License-Identifier: MIT */
/*
 * The bytes of an HTTP client of xtcp2-clickhouse, through libmicrohttpd to the parsers of requests:
 * arguments, headers, credentials, and the statement in query and body. No engine runs.
 */
#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "clickhouse/protobuf_list.h"
#include "clickhouse/request.h"
#include "clickhouse/sql.h"
#include "clickhouse/status.h"
#include "fuzz.h"

#define INPUT_MAX	  65536
#define CONNECTION_MEMORY (256 << 10)
/* Rounds of the server after which no answer is expected any more. */
#define TURNS_QUIET	  8

struct exchange {
	struct request request;
	struct buf statement;
	enum sql_head_state state;
	struct sql_head head;
};

/* Check that the classification of a cut statement still holds for the complete one. */
static void check_cut(const struct exchange *x)
{
	struct sql_head whole;

	if (x->state == SQL_HEAD_MORE)
		return;
	enum sql_head_state state =
	    sql_head_parse((const char *)x->statement.data, x->statement.len, true, &whole);
	assert(state == x->state);
	if (state == SQL_HEAD_INSERT)
		assert(whole.data <= x->statement.len && whole.format.len == x->head.format.len);
}

/* Check that the bytes, as a list of envelopes, give the same rows wherever they are cut in two. */
static void check_list(const struct exchange *x)
{
	struct protobuf_list whole = {0}, cut = {0};
	struct buf rows = {0}, pieces = {0};
	size_t half = x->statement.len / 2;

	int rc = protobuf_list_push(&whole, x->statement.data, x->statement.len, &rows);
	protobuf_list_push(&cut, x->statement.data, half, &pieces);
	int again = protobuf_list_push(&cut, (half ? x->statement.data + half : x->statement.data),
				       x->statement.len - half, &pieces);
	assert(rc == again && rows.len == pieces.len && rows.len <= x->statement.len);
	assert(!rows.len || memcmp(rows.data, pieces.data, rows.len) == 0);
	buf_free(&rows);
	buf_free(&pieces);
}

static void check_statement(const struct exchange *x)
{
	const char *text = (const char *)x->statement.data;
	struct str statement = {text, 0};
	struct buf quoted = {0};
	size_t pos = 0;

	check_cut(x);
	check_list(x);
	sql_names_files(text, x->statement.len);
	for (size_t before = 0; sql_next_statement(text, x->statement.len, &pos, &statement); before = pos)
		assert(pos > before && pos <= x->statement.len && statement.p >= text &&
		       statement.p + statement.len <= text + x->statement.len);
	struct str format = sql_output_format(text, x->statement.len);
	status_content_type(format);
	/* Check that a quoted text is one token: nothing in it ends the statement. */
	_cleanup_free_ char *copy = fuzz_text(x->statement.data, x->statement.len);
	sql_quote(&quoted, copy);
	pos = 0;
	bool one = sql_next_statement((const char *)quoted.data, quoted.len, &pos, &statement);
	assert(one && statement.len == quoted.len);
	buf_free(&quoted);
}

static void take(struct exchange *x, const char *data, size_t len)
{
	buf_append(&x->statement, data, len);
	if (x->state == SQL_HEAD_MORE)
		x->state = sql_head_parse((const char *)x->statement.data, x->statement.len, false, &x->head);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *body, size_t *body_len,
				  void **state)
{
	struct exchange *x = *state;

	if (!x) {
		x = *state = calloc(1, sizeof(*x));
		assert(x);
		x->state = SQL_HEAD_MORE;
		request_parse(&x->request, connection, method);
		if (x->request.query)
			take(x, x->request.query, strlen(x->request.query));
		return MHD_YES;
	}
	if (*body_len) {
		take(x, body, *body_len);
		*body_len = 0;
		return MHD_YES;
	}
	check_statement(x);
	const char *error = x->request.error.len ? buf_cstr(&x->request.error) : "";
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc = MHD_queue_response(connection, status_http(error), response);
	MHD_destroy_response(response);
	return rc;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	if (!x)
		return;
	request_free(&x->request);
	buf_free(&x->statement);
	free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct MHD_Daemon *server;
	const struct sockaddr address = {.sa_family = AF_UNIX};
	char answer[16384];
	ssize_t n;
	int ends[2];

	if (!server)
		server = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL, 0, NULL, NULL, on_request,
					  NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
					  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
					  MHD_OPTION_END);
	assert(server);
	int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
	assert(r == 0);
	if (size > 0)
		n = send(ends[1], data, size < INPUT_MAX ? size : INPUT_MAX, 0);
	shutdown(ends[1], SHUT_WR);
	enum MHD_Result added = MHD_add_connection(server, ends[0], &address, sizeof(address));
	assert(added == MHD_YES);
	for (unsigned quiet = 0; quiet < TURNS_QUIET; quiet++) {
		MHD_run(server);
		while ((n = recv(ends[1], answer, sizeof(answer), 0)) > 0)
			quiet = 0;
	}
	close(ends[1]);
	/* The server sees the end, and on_completed() runs. */
	for (unsigned turn = 0; turn < TURNS_QUIET; turn++)
		MHD_run(server);
	return 0;
}
