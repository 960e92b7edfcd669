/* SPDX-License-Identifier: MIT */
#ifndef BASE_FLAGS_H
#define BASE_FLAGS_H
/*
 * Flags of the small tools, from a table: "-flag value", "-flag=value", one dash
 * or two; a bool takes "=true" or "=false" and no separate value. -help always
 * exists. (The daemon's options are in options.def.)
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum flag_type {
	FLAG_BOOL,     /* bool * */
	FLAG_U32,      /* uint32_t * */
	FLAG_DURATION, /* int64_t *, nanoseconds */
	FLAG_STRING,   /* const char **, borrowed from argv */
	FLAG_CHOICE,   /* the same, one of the words of `choices` */
};

struct flag {
	const char *name; /* NULL ends the table */
	enum flag_type type;
	void *value; /* holds the default; set in place; NULL or negative: none is shown */
	const char *help;
	const char *choices; /* "auto|kvm|tcg" */
};

/*
 * Set the values of the table from argv. -help prints `summary` and the table
 * with its defaults to stdout and exits with 0; a bad flag, a bad value or a
 * stray argument prints one line to stderr and exits with 2. Start-up code of
 * main() only.
 */
void flags_parse(const struct flag *flags, int argc, char *const *argv, const char *summary);

/* Print the table with its defaults. */
void flags_print(FILE *to, const struct flag *flags);

#endif
