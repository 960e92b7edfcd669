/* SPDX-License-Identifier: MIT */
#include "clickhouse/query.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/expand.h"
#include "base/fetch.h"
#include "base/flags.h"
#include "base/input.h"
#include "clickhouse/query_server.h"
#include "clickhouse/sql.h"

#define PROGRAM "xtcp2-clickhouse query"

#define EXIT_USAGE 2

/* Most bytes of an error that are shown. */
#define ERROR_MAX 8192

/* Short names of formats; every other is one of ClickHouse's. */
static const struct {
	const char *name, *format;
} formats[] = {
    {"table", "PrettyCompactMonoBlock"},
    {"tsv", "TabSeparatedWithNames"},
    {"csv", "CSVWithNames"},
    {"json", "JSONEachRow"},
    {"vertical", "Vertical"},
};

struct query {
	struct query_server *server;
	const char *format;
	struct str statement;
	bool sends_data;       /* follow the statement: */
	struct expand *upload; /* the bytes of this file, or NULL for those of standard input */
	CURL *curl;
	struct buf error;	  /* the server's text, of an answer that is no result */
	bool closed, write_fails; /* stdout: closed by its reader, or another failure */
};

static const char *format_of(const char *name)
{
	if (!strcmp(name, "auto"))
		return isatty(STDOUT_FILENO) ? "PrettyCompactMonoBlock" : "TabSeparated";
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcasecmp(name, formats[i].name))
			return formats[i].format;
	return name;
}

/* Write a piece of the result; keep a piece of an error. Another number than all of it ends the transfer. */
static size_t take(char *data, size_t size, size_t count, void *query)
{
	struct query *q = query;
	size_t n = size * count, done = 0;
	long status = 0;

	curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		buf_append(&q->error, data, q->error.len + n > ERROR_MAX ? ERROR_MAX - q->error.len : n);
		return n;
	}
	while (done < n) {
		ssize_t w = write(STDOUT_FILENO, data + done, n - done);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			q->closed = errno == EPIPE;
			q->write_fails = !q->closed;
			if (q->write_fails)
				fprintf(stderr, PROGRAM ": stdout: %s\n", strerror(errno));
			return done;
		}
		done += (size_t)w;
	}
	return n;
}

static size_t give(char *to, size_t size, size_t count, void *query)
{
	struct query *q = query;

	for (;;) {
		ssize_t n = q->upload ? expand_read(q->upload, to, size * count)
				      : read(STDIN_FILENO, to, size * count);
		if (n >= 0)
			return (size_t)n;
		if (q->upload)
			fprintf(stderr, PROGRAM ": -insert: %s\n", strerror((int)-n));
		if (q->upload || errno != EINTR)
			return CURL_READFUNC_ABORT;
	}
}

/* The statement goes into the body; with data it goes into the URL, and the data into the body. */
static CURLcode transfer(struct query *q, struct curl_slist **headers)
{
	_cleanup_buf_ struct buf url = {0};
	char *text = curl_easy_escape(q->curl, q->statement.p, (int)q->statement.len);
	char *format = curl_easy_escape(q->curl, q->format, 0);

	buf_printf(&url, "%s?default_format=%s", q->server->url, format ? format : "");
	if (q->sends_data && text)
		buf_printf(&url, "&query=%s", text);
	curl_free(text);
	curl_free(format);
	*headers = fetch_post_headers("text/plain; charset=UTF-8");
	if (!buf_ok(&url) || !*headers)
		return CURLE_OUT_OF_MEMORY;
	curl_easy_setopt(q->curl, CURLOPT_URL, buf_cstr(&url));
	curl_easy_setopt(q->curl, CURLOPT_HTTPHEADER, *headers);
	curl_easy_setopt(q->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(q->curl, CURLOPT_USERNAME, q->server->user);
	curl_easy_setopt(q->curl, CURLOPT_PASSWORD, q->server->password);
	curl_easy_setopt(q->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(q->curl, CURLOPT_WRITEDATA, q);
	if (q->sends_data) {
		curl_easy_setopt(q->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(q->curl, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(q->curl, CURLOPT_READDATA, q);
	} else {
		fetch_set_body(q->curl, q->statement.p, q->statement.len);
	}
	return curl_easy_perform(q->curl);
}

/* Without the newline that ends the server's texts. */
static size_t text_length(const struct buf *b)
{
	size_t n = b->len;

	while (n && b->data[n - 1] == '\n')
		n--;
	return n;
}

/* Say why the transfer failed. */
static void tell(struct query *q, CURLcode r, const struct options *o)
{
	long status = 0;

	curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, &status);
	if (q->error.len)
		fprintf(stderr, PROGRAM ": %.*s\n", (int)text_length(&q->error), (const char *)q->error.data);
	else if (status == 200)
		fprintf(stderr, PROGRAM
			": the statement failed after part of its result; the end of that says why\n");
	else if (!*o->data && r == CURLE_COULDNT_CONNECT)
		fprintf(stderr,
			PROGRAM
			": nothing answers at %s: start `xtcp2-clickhouse -data DIR`, or let the query open "
			"the directory: -data DIR\n",
			q->server->url);
	else
		fprintf(stderr, PROGRAM ": %s: %s\n", q->server->url,
			r ? curl_easy_strerror(r) : "the answer is not that of xtcp2-clickhouse");
}

/* Send the statement and print the result. Return whether it succeeded, after a message if not. */
static bool send_statement(struct query *q, const struct options *o)
{
	struct curl_slist *headers = NULL;
	long status = 0;

	q->curl = fetch_new(NULL, 0);
	if (!q->curl)
		return false;
	CURLcode c = transfer(q, &headers);
	curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, &status);
	bool done = q->closed || (c == CURLE_OK && status == 200);
	const char *why = NULL;
	bool told = q->write_fails || c == CURLE_ABORTED_BY_CALLBACK ||
		    (!done && !status && query_server_lost(q->server, &why));
	if (why)
		fprintf(stderr, PROGRAM ": %s\n", why);
	else if (!done && !told)
		tell(q, c, o);
	curl_slist_free_all(headers);
	curl_easy_cleanup(q->curl);
	return done;
}

/* Insert a recording before the statement runs. */
static bool insert(const struct query *for_this, const struct options *o, const char *path)
{
	static const char statement[] = "INSERT INTO xtcp.xtcp_flat_records_in FORMAT ProtobufList";
	struct query q = {.server = for_this->server,
			  .format = for_this->format,
			  .statement = str_of(statement),
			  .sends_data = true};
	_cleanup_close_ int fd = input_open(path);

	if (fd < 0) {
		fprintf(stderr, PROGRAM ": -insert %s: %s\n", path, input_strerror(-fd));
		return false;
	}
	q.upload = expand_new(fd);
	bool done = q.upload && send_statement(&q, o);
	expand_free(q.upload);
	buf_free(&q.error);
	return done;
}

static int ask(struct query *q, struct options *o, const char *recording)
{
	if (query_server_open(q->server, o, &q->error)) {
		fprintf(stderr, PROGRAM ": %.*s\n", (int)text_length(&q->error), (const char *)q->error.data);
		return *o->data ? EXIT_FAILURE : EXIT_USAGE;
	}
	bool done = (!*recording || insert(q, o, recording)) && send_statement(q, o);
	query_server_close(q->server);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Read the statement from standard input. */
static bool read_statement(struct buf *text)
{
	char piece[4096];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_append(text, piece, n);
	return buf_ok(text) && !ferror(stdin);
}

static void parse(struct options *o, const char **format, const char **recording, struct buf *words, int argc,
		  char **argv)
{
	static const char summary[] =
	    "asks a running xtcp2-clickhouse, or opens the directory itself. An INSERT without data takes it from "
	    "standard input, as does a query without a statement the statement.";
	const struct flag flags[] = {
	    {"data", FLAG_FILE, &o->data,
	     "directory of the database: the server that has it open is asked, or one is started for this query; "
	     "\"\" asks -server"},
	    {"server", FLAG_STRING, &o->listen, "the server's HOST:PORT"},
	    {"format", FLAG_STRING, format,
	     "auto is a table on a terminal and TabSeparated in a pipe; table, tsv, csv, json (one object per line), "
	     "vertical, or any format of ClickHouse. FORMAT in the statement wins",
	     .choices = "auto|table|tsv|csv|json|vertical"},
	    {"insert", FLAG_FILE, recording,
	     "recording in protobufList, gzip and zstd included, to insert before the statement runs; \"\" for none"},
	    {"user", FLAG_STRING, &o->user,
	     "user that asks; the password of default is $XTCP2_CLICKHOUSE_PASSWORD, that of " SERVICE_READER
	     " $XTCP2_CLICKHOUSE_READER_PASSWORD, or with -data the file in it"},
	    {"passwordFile", FLAG_FILE, &o->password_file, "file whose first line is the password"},
	    {"maxQuerySeconds", FLAG_U32, &o->max_query_seconds,
	     "of a server that is started for this query: a statement ends after so many seconds"},
	    {"allowFiles", FLAG_FILE, &o->allow_files,
	     "of such a server: directory whose files statements may read and write"},
	    {"memory", FLAG_U32, &o->memory_mib, "of such a server: most memory of the engine, MiB"},
	    {"runAs", FLAG_STRING, &o->run_as, "of such a server: user to become when started by root"},
	    {"lib", FLAG_FILE, &o->library, "of such a server: libchdb.so; \"\" looks in the known places"},
	    {NULL},
	};

	argv[0] = (char *)PROGRAM;
	flags_parse_words(flags, argc, argv, summary, "STATEMENT", words);
}

/* Choose the user's password: a file's, or the environment's. 0, or -errno after a message. */
static int choose_password(struct options *o, char password[static PASSWORD_MAX])
{
	_cleanup_buf_ struct buf error = {0};
	const char *owner = getenv("XTCP2_CLICKHOUSE_PASSWORD"),
		   *reader = getenv("XTCP2_CLICKHOUSE_READER_PASSWORD");

	if (*o->password_file) {
		if (!*o->user)
			o->user = "default";
		int r = password_read(o->password_file, password, &error);
		o->password = password;
		if (r)
			fprintf(stderr, PROGRAM ": %s\n", buf_cstr(&error));
		return r;
	}
	if (!*o->user)
		o->user = !*o->data && !owner && reader ? SERVICE_READER : "default";
	o->password = !strcmp(o->user, SERVICE_READER) ? (reader ? reader : "") : (owner ? owner : "");
	return 0;
}

int query_run(int argc, char **argv)
{
	struct options o = SERVICE_DEFAULTS;
	_cleanup_buf_ struct buf words = {0};
	char password[PASSWORD_MAX];
	const char *format = "auto", *recording = "";
	struct sql_head head;

	o.user = "";
	parse(&o, &format, &recording, &words, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	bool given = words.len > 0;
	if ((!given && !isatty(STDIN_FILENO) && !read_statement(&words)) || !buf_ok(&words)) {
		fprintf(stderr, PROGRAM ": the statement cannot be read: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	if (!words.len) {
		fprintf(stderr, PROGRAM
			": a statement is needed, such as 'SELECT state, count() FROM xtcp.sockets_now "
			"GROUP BY state'\n");
		return EXIT_USAGE;
	}
	if (!o.max_query_seconds) {
		fprintf(stderr, PROGRAM ": -maxQuerySeconds: must be at least 1\n");
		return EXIT_USAGE;
	}
	if (choose_password(&o, password))
		return EXIT_FAILURE;
	struct query_server server;
	struct query q = {.server = &server,
			  .format = format_of(format),
			  .statement = {(const char *)words.data, (uint32_t)words.len}};
	q.sends_data = given &&
		       sql_head_parse(q.statement.p, q.statement.len, true, &head) == SQL_HEAD_INSERT &&
		       head.data >= q.statement.len;
	int status = ask(&q, &o, recording);
	buf_free(&q.error);
	return status;
}
