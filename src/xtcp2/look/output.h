/* SPDX-License-Identifier: MIT */
#ifndef LOOK_OUTPUT_H
#define LOOK_OUTPUT_H
/*
 * Records to stdout: a table on a terminal, JSON lines elsewhere. JSON without chosen columns is the whole record, as
 * -marshal jsonl writes it, and flows through; all else is kept until output_end().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

struct output;

/* Set by the flags. Texts are borrowed. */
struct output_options {
	const char *format; /* auto, table, json */
	bool json;
	const char *columns, *sort, *group;
	uint32_t rows;
	bool always_columns;			/* JSON has the columns, not the whole record */
	const char *usual, *usual_order, *hide; /* as of struct top_options */
};

/* clang-format off */
#define OUTPUT_FLAGS(o)                                                                                        \
	{"format", FLAG_CHOICE, &(o).format, "auto is a table on a terminal and JSON lines in a pipe", "auto|table|json"}, \
	{"json", FLAG_BOOL, &(o).json, "the same as -format json"},                                           \
	{"columns", FLAG_COLUMNS, &(o).columns, "columns, comma-separated, as `xtcp2 fields` lists them; empty for the usual"}, \
	{"sort", FLAG_COLUMNS, &(o).sort, "column to sort by, the largest on top; empty for none"},            \
	{"group", FLAG_STRING, &(o).group, "one row per remote, container, process or netns"},                \
	{"rows", FLAG_U32, &(o).rows, "at most this many rows; 0 for all"}
/* clang-format on */

/* NULL with one sentence in error for options that cannot be. */
struct output *output_new(const struct output_options *options, const char *program, char *error,
			  size_t size);
void output_free(struct output *o);

/* Say where one reading of all namespaces begins; only needed for several of them. */
void output_begin(struct output *o);
/* Take one record. 0, or -EPIPE when stdout is closed. */
int output_record(struct output *o, const struct record *record);
/* Write what is left of this reading. Return false, after a message, when stdout fails. */
bool output_end(struct output *o);

struct top;
/* The table that records go to, NULL for JSON of whole records; borrowed. */
struct top *output_top(struct output *o);

#endif
