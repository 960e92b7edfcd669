/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SS_OUTPUT_H
#define TOOLS_SS_OUTPUT_H
/* The output of ss(8) -tinemoaOH for a socket, as values of a record's fields. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called for each value: the record's field must show exactly `want`. */
typedef void ss_value_fn(void *data, const char *field, const char *want);

/* The record's number in field, 0 where there is none: some of ss's values are a form of it, such as
 * milliseconds. */
typedef uint64_t ss_number_fn(void *data, const char *field);

/*
 * Walk one line. Words that ss shows in a form of its own (rates with a unit) are left out; where it shows
 * thousandths, `want` is the record's own text when its number in ss's form is what ss shows, else ss's word.
 */
void ss_line_walk(const char *line, ss_value_fn *value, ss_number_fn *number, void *data);

/* The cookie of a line, 0 where it has none. */
uint64_t ss_line_cookie(const char *line);

/* Return whether both lines are equal but for the words that count time. */
bool ss_line_rests(const char *a, const char *b);

#endif
