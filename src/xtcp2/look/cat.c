/* SPDX-License-Identifier: MIT */
/*
 * xtcp2 cat: recordings in any format to any other. Exit status: 0 all read and written, 1 a file was not, or not to its end,
 * 2 bad usage. Memory is that of the longest record and one envelope; for Parquet see parquet_out.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/expand.h"
#include "base/flags.h"
#include "base/input.h"
#include "filter/filter.h"
#include "look/look.h"
#include "look/parquet_out.h"
#include "look/snapshot.h"
#include "record/encoder.h"
#include "record/read.h"

#define PROGRAM "xtcp2 cat"

/* Bytes read at a time, and written at a time in formats without envelopes. */
#define PIECE_BYTES    65536
/* Limits of one envelope, those of the daemon. */
#define ENVELOPE_BYTES (768 * 1024)
#define ENVELOPE_ROWS  10000

static const char *marshal = "jsonl", *from = "auto", *columns = "", *filter_text = "", *names = "snake";
static bool full;

static const struct flag flags[] = {
    {"marshal", FLAG_STRING, &marshal, "format to write, as the daemon's -marshal"},
    {"columns", FLAG_STRING, &columns,
     "fields of csv, tsv, text and parquet, comma-separated; empty for all"},
    {"names", FLAG_CHOICE, &names, "names of fields, as the daemon's -names", "snake|json"},
    {"filter", FLAG_STRING, &filter_text, "records to write, as in xtcp2 ss: 'dport = :443 and rtt > 50ms'"},
    {"full", FLAG_BOOL, &full, "make the polls of a daemon with -changed whole: every socket in every poll"},
    {"from", FLAG_STRING, &from, "format to read; auto recognises it by its first bytes"},
    {0},
};

struct cat {
	struct encoder encoder;
	struct filter *filter;
	struct snapshot *snapshot;   /* -full; NULL without it */
	struct parquet_out *parquet; /* of that format only */
	bool incomplete;	     /* a snapshot is not whole */
	struct buf out;
	uint32_t rows;	     /* in out */
	bool failed, closed; /* stdout: closed is a reader that has enough, which is no failure */
	bool over;	     /* a Parquet file takes no more */
};

/* One file being read. */
struct input {
	const char *name;
	struct expand *expand;
	struct record_reader reader;
	struct buf data;
	size_t pos;	 /* of data: what comes next */
	uint64_t offset; /* of data, in the file's uncompressed bytes */
	bool end;
	bool broken; /* it ends with compressed bytes that are damaged or cut */
};

static void write_out(struct cat *c)
{
	size_t done = 0;

	if (c->rows)
		c->encoder.ops->end(&c->encoder, &c->out);
	if (!buf_ok(&c->out) && !c->failed) {
		fprintf(stderr, PROGRAM ": no memory for the output\n");
		c->failed = true;
	}
	while (done < c->out.len && !c->failed && !c->closed) {
		ssize_t n = write(STDOUT_FILENO, c->out.data + done, c->out.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->closed = errno == EPIPE;
			c->failed = !c->closed;
			if (c->failed)
				fprintf(stderr, PROGRAM ": stdout: %s\n", strerror(errno));
			break;
		}
		done += (size_t)n;
	}
	buf_reset(&c->out);
	c->rows = 0;
}

/* Nothing more is to be read. */
static bool stopped(const struct cat *c)
{
	return c->failed || c->closed || c->over;
}

static void take_parquet(struct cat *c, const struct record *record)
{
	int r = stopped(c) ? 0 : parquet_out_add(c->parquet, record, &c->out);

	if (r == -EFBIG)
		fprintf(stderr,
			PROGRAM ": the Parquet file ends after %d records, its most; read less at a time\n",
			PARQUET_OUT_ROWS * PARQUET_OUT_GROUPS);
	else if (r)
		fprintf(stderr, PROGRAM ": no memory for a row group; the file ends before it\n");
	c->over |= r != 0;
	write_out(c);
}

static void take(void *data, const struct record *record)
{
	struct cat *c = data;
	bool envelopes = c->encoder.ops->overhead > 0;

	if (!filter_match(c->filter, record))
		return;
	if (c->parquet) {
		take_parquet(c, record);
		return;
	}
	if (c->rows == 0)
		c->encoder.ops->begin(&c->encoder, &c->out);
	c->encoder.ops->row(&c->encoder, &c->out, record);
	c->rows++;
	if (c->out.len >= (envelopes ? ENVELOPE_BYTES : PIECE_BYTES) || c->rows == ENVELOPE_ROWS)
		write_out(c);
}

/* By way of the snapshot, if there is one. */
static void pass(struct cat *c, struct record *record)
{
	char error[256];

	if (!c->snapshot) {
		take(c, record);
	} else if (!snapshot_record(c->snapshot, record, error, sizeof(error))) {
		/* Once is enough: each poll up to the next full one is incomplete. */
		if (!c->incomplete)
			fprintf(stderr, PROGRAM ": %s\n", error);
		c->incomplete = true;
	}
}

/* Read a piece behind the bytes that are there. 0 or -errno. */
static int fill(struct input *in)
{
	buf_consume(&in->data, in->pos);
	in->offset += in->pos;
	in->pos = 0;
	if (!buf_reserve(&in->data, PIECE_BYTES))
		return -ENOMEM;
	ssize_t n = expand_read(in->expand, in->data.data + in->data.len, PIECE_BYTES);
	in->broken = n == -EBADMSG;
	if (n < 0 && !in->broken)
		return (int)n;
	in->data.len += n > 0 ? (size_t)n : 0;
	in->end = n <= 0;
	return 0;
}

static struct str rest_of(const struct input *in)
{
	return (struct str){(const char *)in->data.data + in->pos, (uint32_t)(in->data.len - in->pos)};
}

/* A sentence about bytes that are in no format that this program reads. */
static const char *foreign(struct str head)
{
	/* In both byte orders, with microseconds and nanoseconds. */
	static const char *const pcap[] = {"\xd4\xc3\xb2\xa1", "\xa1\xb2\xc3\xd4", "\x4d\x3c\xb2\xa1",
					   "\xa1\xb2\x3c\x4d"};

	if (head.len >= 4 && memcmp(head.p, "PAR1", 4) == 0)
		return "Parquet, which this program only writes: read it with DuckDB, pyarrow or ClickHouse";
	for (size_t i = 0; i < ARRAY_SIZE(pcap) && head.len >= 4; i++) {
		if (memcmp(head.p, pcap[i], 4) == 0)
			return "a capture, which `xtcp2 -replay` reads";
	}
	return "in no format that xtcp2 writes; -from names one of a file without a header";
}

static int damaged(const struct input *in, size_t at, const char *what)
{
	const char *kind = expand_kind(in->expand);

	fprintf(stderr, PROGRAM ": %s: %s at byte %zu%s%s%s\n", in->name, what, in->offset + at,
		*kind ? " of the bytes in the " : "", kind, *kind ? " file" : "");
	return -EBADMSG;
}

static int broken(const struct input *in)
{
	return damaged(in, in->data.len, "the compressed bytes are damaged or cut");
}

/* Choose the reader. 0, or -EINVAL or -EBADMSG after a message. */
static int recognise(struct input *in)
{
	const char *format = from;

	while (!in->end && in->data.len < READ_RECOGNISE) {
		int r = fill(in);
		if (r)
			return r;
	}
	if (strcmp(from, "auto") == 0)
		format = in->data.len ? read_recognise(rest_of(in)) : "jsonl";
	if (format && record_reader_init(&in->reader, format))
		return 0;
	if (in->broken)
		return broken(in);
	fprintf(stderr, PROGRAM ": %s is %s\n", in->name, foreign(rest_of(in)));
	return -EINVAL;
}

/* Read all records that are there in full. 0, or -EBADMSG after a message. */
static int read_records(struct cat *c, struct input *in)
{
	char what[80];
	struct record record;

	while (!stopped(c)) {
		size_t used;
		enum read_result r =
		    record_reader_next(&in->reader, rest_of(in), in->end && !in->broken, &used, &record);
		if (r == READ_MORE)
			return 0;
		if (r == READ_BAD) {
			snprintf(what, sizeof(what), "no record of %s", in->reader.ops->name);
			return damaged(in, in->pos + used, what);
		}
		if (r == READ_RECORD)
			pass(c, &record);
		in->pos += used;
	}
	return 0;
}

/* 0, or -errno, which the caller reports unless it is -EBADMSG or -EINVAL. */
static int read_file(struct cat *c, struct input *in)
{
	int r = recognise(in);

	while (r == 0 && !stopped(c)) {
		r = read_records(c, in);
		if (r || in->end)
			break;
		if (c->encoder.ops->overhead == 0)
			write_out(c);
		r = fill(in);
	}
	if (r == 0 && !stopped(c) && in->broken)
		return broken(in);
	if (r == 0 && !stopped(c) && (in->pos < in->data.len || !record_reader_complete(&in->reader)))
		return damaged(in, in->pos, "cut short: the last record begins, and does not end,");
	return r;
}

static bool cat_file(struct cat *c, const char *name)
{
	bool standard = strcmp(name, "-") == 0;
	struct input in = {.name = standard ? "standard input" : name};
	_cleanup_close_ int fd = standard ? STDIN_FILENO : input_open(name);

	if (fd < 0) {
		fprintf(stderr, PROGRAM ": %s: %s\n", name, input_strerror(-fd));
		return false;
	}
	in.expand = expand_new(fd);
	int r = in.expand ? read_file(c, &in) : -ENOMEM;
	if (r == -ENOTSUP)
		fprintf(stderr, PROGRAM ": %s: zstd, and this program was built without it\n", in.name);
	else if (r && r != -EBADMSG && r != -EINVAL)
		fprintf(stderr, PROGRAM ": %s: %s\n", in.name, strerror(-r));
	record_reader_free(&in.reader);
	buf_free(&in.data);
	expand_free(in.expand);
	return r == 0;
}

/* Return false after a message. */
static bool prepare(struct cat *c)
{
	char error[512] = "";
	struct record_reader reader;
	_cleanup_buf_ struct buf known = {0};

	if (encoder_init(&c->encoder, marshal, columns, error, sizeof(error)) < 0) {
		fprintf(stderr, PROGRAM ": -%s: %s\n", encoder_refused(&c->encoder), error);
		return false;
	}
	c->encoder.json_names = strcmp(names, "json") == 0;
	if (c->encoder.ops->rows && !(c->parquet = parquet_out_new(&c->encoder))) {
		fprintf(stderr, PROGRAM ": no memory\n");
		return false;
	}
	c->filter = filter_new(filter_text, error, sizeof(error));
	if (*error) {
		fprintf(stderr, PROGRAM ": -filter: %s\n", error);
		return false;
	}
	if (strcmp(from, "auto") != 0 && !record_reader_init(&reader, from)) {
		record_reader_names(&known);
		fprintf(stderr, PROGRAM ": -from: unknown format \"%s\"; possible: auto %s\n", from,
			buf_cstr(&known));
		return false;
	}
	if (full && !(c->snapshot = snapshot_new(take, c))) {
		fprintf(stderr, PROGRAM ": no memory\n");
		return false;
	}
	return true;
}

/* Return false after a message when the snapshots are not all whole. */
static bool snapshots_whole(const struct cat *c)
{
	uint64_t early = c->snapshot ? snapshot_early(c->snapshot) : 0;

	if (early)
		fprintf(stderr,
			PROGRAM ": %llu records before the first full poll of their run were left out\n",
			(unsigned long long)early);
	return !c->incomplete;
}

int look_cat(int argc, char **argv)
{
	static const char summary[] =
	    "reads recordings, gzip and zstd included, and writes their records to stdout";
	struct cat c = {0};
	_cleanup_free_ const char **files = calloc((size_t)argc + 1, sizeof(*files));
	bool all = true;

	if (!files)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	argv[0] = (char *)PROGRAM;
	size_t count = flags_parse_rest(flags, argc, argv, summary, "[FILE]...", files);
	if (count == 0)
		files[count++] = "-";
	int status = prepare(&c) ? 0 : 2;
	for (size_t i = 0; i < count && status == 0 && !stopped(&c); i++)
		all &= cat_file(&c, files[i]);
	if (c.parquet && status == 0 && parquet_out_end(c.parquet, &c.out) < 0)
		c.over = true;
	write_out(&c);
	all &= snapshots_whole(&c);
	snapshot_free(c.snapshot);
	parquet_out_free(c.parquet);
	encoder_free(&c.encoder);
	filter_free(c.filter);
	buf_free(&c.out);
	return status ? status : !all || c.failed || c.over;
}
