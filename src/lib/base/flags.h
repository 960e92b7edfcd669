/* SPDX-License-Identifier: MIT */
#ifndef BASE_FLAGS_H
#define BASE_FLAGS_H
/*
 * Flags of the small tools, from a table: "-flag value", "-flag=value", one dash
 * or two; a bool takes "=true" or "=false" and no separate value. -help and
 * -version always exist. (The daemon's options are in options.def.)
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum flag_type {
	FLAG_BOOL,     /* bool * */
	FLAG_U32,      /* uint32_t * */
	FLAG_PORT,     /* uint32_t *, up to 65535 */
	FLAG_LEVEL,    /* uint32_t *, a name or number of base/log.h */
	FLAG_DURATION, /* int64_t *, nanoseconds */
	FLAG_STRING,   /* const char **, borrowed from argv */
	FLAG_FILE,     /* the same, a path */
	FLAG_COLUMNS,  /* the same, names of columns with commas between them */
	FLAG_CHOICE,   /* the same, one of the words of `choices` */
};

struct flag {
	const char *name; /* NULL ends the table */
	enum flag_type type;
	void *value; /* holds the default; set in place; NULL or negative: none is shown */
	const char *help;
	const char *choices; /* "auto|kvm|tcg"; of a FLAG_STRING words to tell, which takes any other */
};

/*
 * Set the values of the table from argv. -help prints `summary` and the table
 * with its defaults to stdout, -version the program's name and version, and
 * either exits with 0; a bad flag, a bad value or a
 * stray argument prints one line to stderr and exits with 2. Start-up code of
 * main() only.
 */
void flags_parse(const struct flag *flags, int argc, char *const *argv, const char *summary);

/* Return true for -help, --help and -h, and for -version, --version and -v: the spellings that every
 * program takes. */
bool flags_wants_help(const char *argument);
bool flags_wants_version(const char *argument);

/* Print "NAME VERSION", NAME without its directory, to stdout. Return 0, which is the exit status. */
int flags_print_version(const char *program);

/*
 * As flags_parse(), with arguments beside the flags, such as a filter: they are appended to words, with a blank between two.
 * usage: how they are shown behind the flags, "[FILTER]".
 */
struct buf;
void flags_parse_words(const struct flag *flags, int argc, char *const *argv, const char *summary,
		       const char *usage, struct buf *words);

/* The same, with the arguments beside the flags, such as files or "-", in rest, which has room for argc. Return their number. */
size_t flags_parse_rest(const struct flag *flags, int argc, char *const *argv, const char *summary,
			const char *usage, const char **rest);

/* Print the table with its defaults. */
void flags_print(FILE *to, const struct flag *flags);

#endif
