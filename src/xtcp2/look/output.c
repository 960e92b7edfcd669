/* SPDX-License-Identifier: MIT */
#include "look/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "record/encoder.h"
#include "view/top.h"

/* Output is written in pieces of about this size. */
#define PIECE_BYTES 65536

struct output {
	struct top *top; /* NULL: records flow through the encoder */
	struct encoder encoder;
	struct buf out, wire;
	const char *program;
	uint32_t rows;
	bool json;
	bool failed, closed; /* closed: the reader of a pipe has enough, which is no failure */
};

struct output *output_new(const struct output_options *options, const char *program, char *error, size_t size)
{
	const struct top_options top = {
	    .columns = options->columns,
	    .usual = options->usual,
	    .usual_order = options->usual_order,
	    .sort = options->sort,
	    .group = options->group,
	    .hide = options->hide,
	    .what = program,
	};
	struct output *o = calloc(1, sizeof(*o));
	bool automatic = strcmp(options->format, "auto") == 0;

	if (!o) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	o->program = program;
	o->rows = options->rows;
	o->json =
	    options->json || strcmp(options->format, "json") == 0 || (automatic && !isatty(STDOUT_FILENO));
	/* A wrong column is told whatever the format is. */
	o->top = top_new(&top, error, size);
	if (!o->top) {
		free(o);
		return NULL;
	}
	bool whole = o->json && !options->always_columns && !*options->columns && !*options->sort &&
		     !*options->group && !options->rows;
	if (whole) {
		top_free(o->top);
		o->top = NULL;
		encoder_init(&o->encoder, "jsonl", NULL, error, size);
	}
	return o;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	top_free(o->top);
	encoder_free(&o->encoder);
	buf_free(&o->out);
	buf_free(&o->wire);
	free(o);
}

struct top *output_top(struct output *o)
{
	return o->top;
}

static void flush(struct output *o)
{
	size_t done = 0;

	if (!buf_ok(&o->out) && !o->failed) {
		fprintf(stderr, "%s: no memory for the output\n", o->program);
		o->failed = true;
	}
	while (done < o->out.len && !o->failed && !o->closed) {
		ssize_t n = write(STDOUT_FILENO, o->out.data + done, o->out.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			o->closed = errno == EPIPE;
			o->failed = !o->closed;
			if (o->failed)
				fprintf(stderr, "%s: stdout: %s\n", o->program, strerror(errno));
			break;
		}
		done += (size_t)n;
	}
	buf_reset(&o->out);
}

void output_begin(struct output *o)
{
	if (o->top)
		top_begin(o->top);
}

int output_record(struct output *o, const struct record *record)
{
	if (o->top) {
		buf_reset(&o->wire);
		wire_encode(&o->wire, record);
		if (buf_ok(&o->wire))
			top_take(o->top, (struct str){(const char *)o->wire.data, (uint32_t)o->wire.len});
		return 0;
	}
	o->encoder.ops->begin(&o->encoder, &o->out);
	o->encoder.ops->row(&o->encoder, &o->out, record);
	o->encoder.ops->end(&o->encoder, &o->out);
	if (o->out.len >= PIECE_BYTES)
		flush(o);
	return o->failed || o->closed ? -EPIPE : 0;
}

bool output_end(struct output *o)
{
	struct top_paper paper = {.height = o->rows};
	struct winsize size;

	if (o->top) {
		top_end(o->top);
		if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
			paper.width = size.ws_col;
		if (o->json)
			top_json(o->top, o->rows, &o->out);
		else
			top_render(o->top, &paper, &o->out);
	}
	flush(o);
	return !o->failed;
}
