/* SPDX-License-Identifier: MIT */
#include "tools/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/input.h"
#include "record/encoder.h"
#include "tools/http_tool.h"
#include "tools/kafka_tool.h"
#include "tools/sample.h"

/* If the broker returns within this time, nothing is lost. */
#define FLUSH_MS     120000
/* Longest envelope in a file; a longer one is damage. */
#define ENVELOPE_MAX (64 << 20)
#define INSERT_QUERY "INSERT INTO xtcp.xtcp_flat_records_in FORMAT ProtobufList"

static const char *filename = "", *values = "", *broker = "localhost:19092", *topic = "xtcp";
static const char *connect_url = "http://127.0.0.1:18123", *user = "default", *pass = "", *pass_file = "",
		  *dump_file = "protobuflist.bin";
static uint32_t loops = 1, rows = 10, rate;
static int64_t loops_sleep;
static bool envelope = true, dump;

static const struct flag flags[] = {
    {"filename", FLAG_FILE, &filename,
     "send the bytes of this file instead of made-up rows; over HTTP, its envelopes one after the other"},
    {"values", FLAG_STRING, &values,
     "record_counter of the rows, comma-separated: one row each; \"\" for -rows rows"},
    {"rows", FLAG_U32, &rows, "rows of one envelope"},
    {"envelope", FLAG_BOOL, &envelope,
     "put the rows into one Envelope; false sends each row by itself, length first"},
    {"loops", FLAG_U32, &loops, "envelopes to send; 0 for no end"},
    {"loopsSleep", FLAG_DURATION, &loops_sleep, "pause between envelopes"},
    {"rate", FLAG_U32, &rate, "rows per second; 0 for no limit"},
    {"broker", FLAG_STRING, &broker, "Kafka: HOST:PORT[,HOST:PORT]"},
    {"topic", FLAG_STRING, &topic, "Kafka: topic"},
    {"connect", FLAG_STRING, &connect_url, "ClickHouse: URL of its HTTP interface"},
    {"user", FLAG_STRING, &user, "ClickHouse: user"},
    {"pass", FLAG_STRING, &pass, "ClickHouse: password; $XTCP2_CLICKHOUSE_PASSWORD is not seen in ps"},
    {"passFile", FLAG_FILE, &pass_file, "ClickHouse: file whose first line is the password"},
    {"dump", FLAG_BOOL, &dump, "also write each envelope to -dumpFileName"},
    {"dumpFileName", FLAG_FILE, &dump_file, "file that -dump writes"},
    {0},
};

struct reference {
	enum reference_end end;
	struct encoder encoder;
	struct sample sample;
	struct buf body;
	struct kafka_producer *kafka;
	uint64_t sent;
	int64_t started_ns;
};

/* Append a varint of the file to b and set *n to its value. 1, 0 at the end of the file, -EBADMSG. */
static int read_varint(FILE *f, struct buf *b, uint64_t *n)
{
	unsigned shift = 0;

	*n = 0;
	for (int c; (c = getc(f)) != EOF; shift += 7) {
		if (shift > 63)
			return -EBADMSG;
		buf_byte(b, (uint8_t)c);
		*n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return 1;
	}
	return shift ? -EBADMSG : 0;
}

/* Read the next envelope of the file, with its length before it. 1, 0 at the end, -EBADMSG (logged). */
static int read_envelope(FILE *f, struct buf *b)
{
	uint64_t len;

	buf_reset(b);
	int r = read_varint(f, b, &len);
	if (r > 0 &&
	    (len > ENVELOPE_MAX || !buf_reserve(b, len) || fread(b->data + b->len, 1, len, f) != len))
		r = -EBADMSG;
	if (r < 0)
		fprintf(stderr, "%s: no sequence of length-delimited envelopes: damaged or cut\n", filename);
	else if (r > 0)
		b->len += len;
	return r;
}

static void add_row(struct reference *ref, const struct record *r)
{
	if (envelope) {
		ref->encoder.ops->row(&ref->encoder, &ref->body, r);
		return;
	}
	_cleanup_buf_ struct buf row = {0};
	wire_encode(&row, r);
	for (size_t n = row.len;; n >>= 7) {
		buf_byte(&ref->body, (uint8_t)(n < 0x80 ? n : (n & 0x7f) | 0x80));
		if (n < 0x80)
			break;
	}
	buf_append(&ref->body, row.data, row.len);
}

/* Fill the body with envelope number `loop`. Return its rows, or -errno. */
static int make_body(struct reference *ref, uint32_t loop)
{
	struct record r;
	int n = 0;

	buf_reset(&ref->body);
	if (*filename) {
		int error = input_read(filename, &ref->body);
		if (error)
			fprintf(stderr, "%s: %s\n", filename, input_strerror(-error));
		return error ? -EIO : 1;
	}
	ref->sample.now_ns = clock_real_ns();
	if (envelope)
		ref->encoder.ops->begin(&ref->encoder, &ref->body);
	for (const char *v = values; *v; v += *v == ',') {
		sample_record(&ref->sample, 0, (uint32_t)n++, &r);
		r.record_counter = strtoull(v, (char **)&v, 10);
		if (*v && *v != ',') {
			fprintf(stderr, "-values %s: numbers with commas between them are possible\n",
				values);
			exit(2);
		}
		add_row(ref, &r);
	}
	for (; !*values && n < (int)rows; n++) {
		uint64_t at = (uint64_t)loop * rows + (uint32_t)n;
		sample_record(&ref->sample, (uint32_t)(at / ref->sample.sockets), at % ref->sample.sockets,
			      &r);
		r.record_counter = at;
		add_row(ref, &r);
	}
	if (envelope)
		ref->encoder.ops->end(&ref->encoder, &ref->body);
	return buf_ok(&ref->body) ? n : -ENOMEM;
}

static int dump_body(const struct buf *body)
{
	FILE *f = fopen(dump_file, "we");
	bool written = f && fwrite(body->data, 1, body->len, f) == body->len;

	if ((f && fclose(f)) || !written) {
		fprintf(stderr, "%s: %s\n", dump_file, strerror(errno));
		return -EIO;
	}
	return 0;
}

/* Run a query with or without a body. 0 with the answer in reply, or -EIO with the exception on stderr. */
static int clickhouse(const char *query, const struct buf *body, struct buf *reply)
{
	_cleanup_buf_ struct buf url = {0};

	buf_printf(&url, "%s/?format_schema=xtcp_flat_record.proto%%3AXtcpFlatRecord&query=", connect_url);
	http_escape(&url, query);
	const struct http_call call = {
	    .url = buf_cstr(&url),
	    .user = user,
	    .password = pass,
	    .content_type = "application/x-protobuf",
	    .body = body ? body->data : NULL,
	    .len = body ? body->len : 0,
	};
	int status = http_request(&call, reply);
	if (status != 200 && status > 0)
		fprintf(stderr, "%s: HTTP status %d: %s\n", connect_url, status, buf_cstr(reply));
	return status == 200 ? 0 : -EIO;
}

static int insert(const struct buf *body)
{
	_cleanup_buf_ struct buf reply = {0};

	return clickhouse(INSERT_QUERY, body, &reply);
}

/* Check that all rows of this run, which have a hostname of their own, are in the table. */
static int verify(const struct reference *ref)
{
	_cleanup_buf_ struct buf reply = {0};
	char query[256];

	snprintf(query, sizeof(query), "SELECT count() FROM xtcp.xtcp_flat_records WHERE hostname = '%s'",
		 ref->sample.hostname);
	if (clickhouse(query, NULL, &reply))
		return -EIO;
	unsigned long long found = strtoull(buf_cstr(&reply), NULL, 10);
	printf("sent=%llu found=%llu\n", (unsigned long long)ref->sent, found);
	return found == ref->sent ? 0 : -EIO;
}

static int send_body(struct reference *ref, int n)
{
	switch (ref->end) {
	case REFERENCE_STDOUT:
		return fwrite(ref->body.data, 1, ref->body.len, stdout) == ref->body.len ? 0 : -EIO;
	case REFERENCE_HTTP:
	case REFERENCE_HTTP_VERIFY:
		return insert(&ref->body);
	case REFERENCE_KAFKA:
		return kafka_produce(ref->kafka, ref->body.data, ref->body.len, (uint32_t)n);
	}
	return -EINVAL;
}

static void sleep_ns(int64_t ns)
{
	struct timespec t = {ns / NS_PER_SEC, ns % NS_PER_SEC};

	if (ns > 0)
		nanosleep(&t, NULL);
}

/* Sleep until the next row is due. */
static void keep_rate(const struct reference *ref)
{
	if (rate)
		sleep_ns(ref->started_ns + (int64_t)((double)ref->sent / rate * 1e9) - clock_mono_ns());
}

/* A recording has many envelopes, but a ClickHouse server reads one per body: send them one by one. */
static int run_file(struct reference *ref)
{
	_cleanup_fclose_ FILE *f = fopen(filename, "re");
	int r;

	if (!f) {
		r = -errno;
		fprintf(stderr, "%s: %s\n", filename, strerror(-r));
		return r;
	}
	while ((r = read_envelope(f, &ref->body)) > 0)
		if (send_body(ref, 1))
			return -EIO;
	return r;
}

static int run(struct reference *ref)
{
	int r = 0;

	ref->started_ns = clock_mono_ns();
	if (*filename && (ref->end == REFERENCE_HTTP || ref->end == REFERENCE_HTTP_VERIFY))
		return run_file(ref);
	for (uint32_t loop = 0; !r && (!loops || loop < loops); loop++) {
		int n = make_body(ref, loop);
		if (n < 0)
			return n;
		if (dump && dump_body(&ref->body))
			return -EIO;
		r = send_body(ref, n);
		if (!r)
			ref->sent += (uint64_t)n;
		if (loop + 1 != loops)
			sleep_ns(loops_sleep);
		keep_rate(ref);
	}
	if (!r && ref->end == REFERENCE_STDOUT)
		r = fflush(stdout) ? -EIO : 0;
	return r || ref->end != REFERENCE_HTTP_VERIFY ? r : verify(ref);
}

static int finish_kafka(struct reference *ref)
{
	kafka_producer_flush(ref->kafka, FLUSH_MS);
	struct kafka_ledger l = kafka_producer_ledger(ref->kafka);
	printf("produced=%llu acknowledged=%llu failed=%llu seconds=%.1f\n", (unsigned long long)l.produced,
	       (unsigned long long)l.acknowledged, (unsigned long long)l.failed,
	       (double)(clock_mono_ns() - ref->started_ns) / 1e9);
	kafka_producer_free(ref->kafka);
	return l.acknowledged == l.produced ? 0 : -EIO;
}

/* Return the first line of a file; NULL, with a line on stderr, if there is none. */
static const char *read_password(const char *path, char line[static 256])
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (f && fgets(line, 256, f)) {
		line[strcspn(line, "\r\n")] = '\0';
		return line;
	}
	fprintf(stderr, "%s: %s\n", path, f ? "no password in it" : strerror(errno));
	return NULL;
}

int reference_main(enum reference_end end, const char *summary, int argc, char **argv)
{
	/* As many sockets as fill a few polls' worth of envelopes. */
	struct reference ref = {.end = end, .sample = {.sockets = 5000}};
	char error[256], password[256];

	if (getenv("XTCP2_CLICKHOUSE_PASSWORD"))
		pass = getenv("XTCP2_CLICKHOUSE_PASSWORD");
	flags_parse(flags, argc, argv, summary);
	if (*pass_file && !(pass = read_password(pass_file, password)))
		return 2;
	snprintf(ref.sample.hostname, sizeof(ref.sample.hostname), "sample-%llx",
		 (unsigned long long)clock_real_ns());
	if (encoder_init(&ref.encoder, "protobufList", NULL, error, sizeof(error))) {
		fprintf(stderr, "%s\n", error);
		return 2;
	}
	if (end == REFERENCE_KAFKA && !(ref.kafka = kafka_producer_new(broker, topic)))
		return EXIT_FAILURE;
	int r = run(&ref);
	if (ref.kafka && finish_kafka(&ref))
		r = -EIO;
	encoder_free(&ref.encoder);
	buf_free(&ref.body);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
