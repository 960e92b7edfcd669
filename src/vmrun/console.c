/* SPDX-License-Identifier: MIT */
#include "vmrun/console.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmrun/result_line.h"

static const char *const class_names[] = {
    [CONSOLE_PLAIN] = "plain",
    [CONSOLE_SENTINEL] = "sentinel",
    [CONSOLE_OOPS] = "oops",
    [CONSOLE_PANIC] = "panic",
};
_Static_assert(ARRAY_SIZE(class_names) == CONSOLE_CLASSES, "a class of console line has no name");

/* Error messages, searched for as plain text anywhere in a line. */
static const struct {
	const char *text;
	enum console_class class;
} trouble[] = {
    {"Kernel panic - not syncing", CONSOLE_PANIC},
    {"BUG: ", CONSOLE_OOPS}, /* KASAN, unable to handle, soft lockup, scheduling while atomic */
    {"kernel BUG at ", CONSOLE_OOPS},
    {"Oops: ", CONSOLE_OOPS},
    {"general protection fault", CONSOLE_OOPS},
    {"traps: ", CONSOLE_OOPS},
    {" segfault at ", CONSOLE_OOPS},
    {"soft lockup", CONSOLE_OOPS},
    {"hard LOCKUP", CONSOLE_OOPS},
    {"blocked for more than ", CONSOLE_OOPS}, /* the hung task detector */
    {"detected stalls on CPUs", CONSOLE_OOPS},
    {"self-detected stall", CONSOLE_OOPS},
    {"Out of memory: Killed process", CONSOLE_OOPS},
    {"Memory cgroup out of memory", CONSOLE_OOPS},
    {"UBSAN: ", CONSOLE_OOPS},
    {"------------[ cut here ]", CONSOLE_OOPS}, /* WARN() */
    {"Sanitizer: ", CONSOLE_OOPS},
    {"EROFS-fs error", CONSOLE_OOPS},
};

const char *console_class_name(enum console_class c)
{
	return class_names[c];
}

static bool token_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Read "<NAME>_(PASS|FAIL)" at p, as one token. */
static bool read_sentinel(const char *p, struct console_sentinel *out)
{
	size_t n = 0;

	while (token_char(p[n]))
		n++;
	if (n < 6 || n - 5 >= sizeof(out->name))
		return false;
	if (memcmp(p + n - 5, "_PASS", 5) == 0)
		out->pass = true;
	else if (memcmp(p + n - 5, "_FAIL", 5) == 0)
		out->pass = false;
	else
		return false;
	memcpy(out->name, p, n - 5);
	out->name[n - 5] = '\0';
	return true;
}

enum console_class console_classify(const char *line, struct console_sentinel *sentinel)
{
	const char *at = line;

	while ((at = strstr(at, SENTINEL_PREFIX))) {
		const char *name = at + strlen(SENTINEL_PREFIX);
		if ((at == line || !token_char(at[-1])) && read_sentinel(name, sentinel))
			return CONSOLE_SENTINEL;
		at = name;
	}
	for (size_t i = 0; i < ARRAY_SIZE(trouble); i++) {
		if (strstr(line, trouble[i].text))
			return trouble[i].class;
	}
	return CONSOLE_PLAIN;
}

/* The reader's position in an ANSI escape sequence (ECMA-48). */
enum escape { ESC_NONE, ESC_START, ESC_CSI, ESC_OSC };

struct line_reader {
	line_fn fn;
	void *data;
	size_t len;
	enum escape escape;
	char line[CONSOLE_LINE_MAX];
};

struct line_reader *line_reader_new(line_fn fn, void *data)
{
	struct line_reader *r = calloc(1, sizeof(*r));

	if (r) {
		r->fn = fn;
		r->data = data;
	}
	return r;
}

void line_reader_free(struct line_reader *r)
{
	free(r);
}

static void deliver(struct line_reader *r)
{
	r->line[r->len] = '\0';
	r->fn(r->line, r->len, r->data);
	r->len = 0;
}

/* Consume one byte of an escape sequence. */
static void escape_byte(struct line_reader *r, unsigned char c)
{
	switch (r->escape) {
	case ESC_START:
		r->escape = c == '[' ? ESC_CSI : c == ']' ? ESC_OSC : ESC_NONE;
		break;
	case ESC_CSI:
		if (c >= 0x40 && c <= 0x7e)
			r->escape = ESC_NONE;
		break;
	case ESC_OSC:
		if (c == '\a')
			r->escape = ESC_NONE;
		else if (c == 0x1b)
			r->escape = ESC_START; /* ST is ESC backslash */
		break;
	case ESC_NONE:
		break;
	}
}

void line_reader_feed(struct line_reader *r, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = p[i];
		if (c == '\n') {
			r->escape = ESC_NONE;
			deliver(r);
		} else if (r->escape != ESC_NONE) {
			escape_byte(r, c);
		} else if (c == 0x1b) {
			r->escape = ESC_START;
		} else if (c != '\r') {
			if (r->len == CONSOLE_LINE_MAX - 1)
				deliver(r);
			r->line[r->len++] = c == '\t' || (c >= ' ' && c < 0x7f) ? (char)c : '?';
		}
	}
}

void line_reader_finish(struct line_reader *r)
{
	if (r->len)
		deliver(r);
}
