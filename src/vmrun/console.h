/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_CONSOLE_H
#define VMRUN_CONSOLE_H
/*
 * The guest's serial console, split into classified lines. Each line is cleaned
 * once, when it is complete: carriage returns and ANSI escapes are removed,
 * unprintable bytes become '?', and an overlong line is cut.
 */
#include <stdbool.h>
#include <stddef.h>

/* A longer line is delivered in pieces of this size. */
#define CONSOLE_LINE_MAX 65536

enum console_class {
	CONSOLE_PLAIN,
	CONSOLE_SENTINEL, /* XTCP2_SELF_TEST_<NAME>_(PASS|FAIL) */
	CONSOLE_OOPS,	  /* an error of the kernel or a program: see the table in console.c */
	CONSOLE_PANIC,	  /* the kernel gives up */
	CONSOLE_CLASSES
};

struct console_sentinel {
	char name[64];
	bool pass;
};

/* Return the name of a class in events.jsonl. */
const char *console_class_name(enum console_class c);

/*
 * Classify one clean line. A sentinel is found at any token boundary, behind time
 * stamps or unit names too, and filled in.
 */
enum console_class console_classify(const char *line, struct console_sentinel *sentinel);

/* Splits a byte stream into clean lines; one object per stream. `fn` gets each line, NUL-terminated. */
struct line_reader;
typedef void (*line_fn)(const char *line, size_t len, void *data);

struct line_reader *line_reader_new(line_fn fn, void *data);
void line_reader_free(struct line_reader *r);
void line_reader_feed(struct line_reader *r, const void *bytes, size_t n);
/* At the end of the stream, deliver a last line without a newline. */
void line_reader_finish(struct line_reader *r);

#endif
