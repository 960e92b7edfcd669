/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_CONSOLE_H
#define VMRUN_CONSOLE_H
/*
 * The guest's serial console as lines, and what a line means. A line is taken
 * apart once, as it completes: carriage returns and ANSI escapes are stripped,
 * bytes that are not printable are replaced by '?', an endless line is cut.
 */
#include <stdbool.h>
#include <stddef.h>

/* A longer line is delivered in pieces of this size. */
#define CONSOLE_LINE_MAX 65536

enum console_class {
	CONSOLE_PLAIN,
	CONSOLE_SENTINEL, /* XTCP2_SELF_TEST_<NAME>_(PASS|FAIL) */
	CONSOLE_OOPS,	  /* the kernel or a program is in trouble: see the table in console.c */
	CONSOLE_PANIC,	  /* the kernel gives up */
	CONSOLE_CLASSES
};

struct console_sentinel {
	char name[64];
	bool pass;
};

/* The name of a class as events.jsonl writes it. */
const char *console_class_name(enum console_class c);

/*
 * Classifies one clean line. Prefixes (time stamps, unit names) are no obstacle:
 * a sentinel is found at a token boundary anywhere in the line and filled in.
 */
enum console_class console_classify(const char *line, struct console_sentinel *sentinel);

/* Turns a byte stream into clean lines; one object a stream. `fn` gets each complete line, NUL-terminated. */
struct line_reader;
typedef void (*line_fn)(const char *line, size_t len, void *data);

struct line_reader *line_reader_new(line_fn fn, void *data);
void line_reader_free(struct line_reader *r);
void line_reader_feed(struct line_reader *r, const void *bytes, size_t n);
/* Delivers what is left without a newline: at the end of the stream. */
void line_reader_finish(struct line_reader *r);

#endif
