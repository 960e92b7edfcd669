/* SPDX-License-Identifier: MIT */
/* -help, the man page and the Markdown tables, from option_table. */
#include "config/doc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/internal.h"
#include "version.h"

/* Width of -help in columns. */
#define HELP_WIDTH 80

/* Append text in lines of at most HELP_WIDTH columns, each after `indent` blanks. */
static void wrap(struct buf *b, const char *text, int indent)
{
	int column = 0;

	while (*text) {
		int len = (int)strcspn(text, " ");
		if (column && column + 1 + len > HELP_WIDTH) {
			buf_byte(b, '\n');
			column = 0;
		}
		if (column)
			buf_byte(b, ' ');
		else
			buf_printf(b, "%*s", indent, "");
		column += len + (column ? 1 : indent);
		buf_append(b, text, (size_t)len);
		text += len;
		text += strspn(text, " ");
	}
	buf_byte(b, '\n');
}

/* "1ms to 168h", "at least 1", the words of a choice, or nothing when the table sets no limit. */
static void range_append(struct buf *b, const struct option_info *o, const char *before)
{
	bool min = *o->min && strcmp(o->min, "0") != 0;

	if (o->type == OPTION_CHOICE) {
		buf_str(b, before);
		for (const char *c = o->min; *c; c++) {
			if (*c == '|')
				buf_str(b, ", ");
			else
				buf_byte(b, (uint8_t)*c);
		}
	} else if (*o->max) {
		buf_printf(b, "%s%s to %s", before, o->min, o->max);
	} else if (min) {
		buf_printf(b, "%sat least %s", before, o->min);
	}
}

static bool new_group(const struct option_info *o)
{
	return o == option_table || strcmp(option_group(o), option_group(o - 1)) != 0;
}

static bool has_default(const struct option_info *o)
{
	return o->type != OPTION_ACTION && *o->default_text;
}

static void help_option(struct buf *b, const struct option_info *o)
{
	char name[OPTION_ENVIRONMENT_MAX];
	const char *value = option_value_name(o);
	size_t start = b->len;

	buf_printf(b, "  -%s%s%s", o->flag, value ? " " : "", value ? value : "");
	if (has_default(o))
		buf_printf(b, " (default %s)", o->default_text);
	if (*option_environment(o, name)) {
		int used = (int)(b->len - start), room = HELP_WIDTH - (int)strlen(name);
		if (used >= room) {
			buf_byte(b, '\n');
			used = 0;
		}
		buf_printf(b, "%*s%s", room - used, "", name);
	}
	buf_byte(b, '\n');
	wrap(b, o->help, 6);
}

void doc_help(struct buf *b, const struct doc_section *sections)
{
	buf_str(b, "Usage: xtcp2 [-flag value]...\n"
		   "Reads every TCP socket of every network namespace, ships one record per socket.\n"
		   "Without flags: records as JSON lines on stdout, logs on stderr.\n"
		   "Flags win over the environment variable at the right, which wins over -config.\n");
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (new_group(o))
			buf_printf(b, "\n%s\n", option_group(o));
		help_option(b, o);
	}
	for (const struct doc_section *s = sections; s && s->title; s++) {
		if (s->hidden)
			continue;
		buf_printf(b, "\n%s\n", s->title);
		for (const struct doc_row *row = s->rows; row->name; row++) {
			buf_printf(b, "  %s\n", row->name);
			wrap(b, row->help, 6);
		}
	}
}

/* Escape for roff(7): a dash as a minus, a backslash, and a leading dot, which would be a request. */
static void roff(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '-')
			buf_str(b, "\\-");
		else if (*p == '\\')
			buf_str(b, "\\e");
		else if (p == text && (*p == '.' || *p == '\''))
			buf_printf(b, "\\&%c", *p);
		else
			buf_byte(b, (uint8_t)*p);
	}
}

static void man_option(struct buf *b, const struct option_info *o)
{
	char name[OPTION_ENVIRONMENT_MAX];
	const char *value = option_value_name(o);

	buf_printf(b, ".TP\n.BI \\-%s%s%s%s\n", o->flag, value ? " \" " : "", value ? value : "",
		   value ? "\"" : "");
	roff(b, o->help);
	buf_str(b, ".\n");
	if (has_default(o)) {
		buf_str(b, "Default: ");
		roff(b, o->default_text);
		buf_str(b, ".\n");
	}
	struct buf range = {0};
	range_append(&range, o, "Range: ");
	if (range.len && buf_cstr(&range)) {
		roff(b, buf_cstr(&range));
		buf_str(b, ".\n");
	}
	buf_free(&range);
	if (*option_environment(o, name))
		buf_printf(b, "Environment: %s.\n", name);
}

static const char man_head[] =
    ".TH XTCP2 8 \"\" \"xtcp2 " XTCP2_VERSION "\" \"System Administration\"\n"
    ".SH NAME\n"
    "xtcp2 \\- read every TCP socket of every network namespace, ship one record per socket\n"
    ".SH SYNOPSIS\n"
    ".B xtcp2\n"
    ".RI [\\- flag \" \" value ]...\n"
    ".br\n"
    ".B xtcp2 ss\n"
    ".RI [\\- flag \" \" value ]... \" \" [ filter ]\n"
    ".br\n"
    ".B xtcp2 top\n"
    ".RI [\\- flag \" \" value ]... \" \" [ filter ]\n"
    ".br\n"
    ".B xtcp2 fields\n"
    ".SH DESCRIPTION\n"
    ".B xtcp2\n"
    "asks the kernel for the TCP sockets of all network namespaces through netlink\n"
    ".RB ( sock_diag (7))\n"
    "and sends one flat record per socket to a destination.\n"
    "Without flags it prints records as JSON lines on standard output; logs go to standard error.\n"
    ".SH OPTIONS\n"
    "Single and double dashes mean the same, as do\n"
    ".RI \"\\-flag \" value\n"
    "and\n"
    ".RI \\-flag= value .\n"
    "A flag that takes no value may be switched off with\n"
    ".BR =false .\n"
    "Flags win over environment variables, which win over the file of\n"
    ".BR \\-config .\n"
    "Durations are written as in 10s, 250ms or 1h30m.\n";

static const char man_tail[] =
    ".SH EXAMPLES\n"
    "Print every socket of this host and its containers, once:\n.PP\n.nf\n"
    "    xtcp2 \\-maxLoops 1 \\-marshal jsonl\n.fi\n.PP\n"
    "Poll every ten seconds and write envelopes to Kafka:\n.PP\n.nf\n"
    "    xtcp2 \\-dest kafka:broker.example:9092 \\-marshal protobufList \\-frequency 10s\n.fi\n.PP\n"
    "Start all but the polls with a configuration file, to learn whether it is right:\n.PP\n.nf\n"
    "    xtcp2 \\-check \\-config /etc/xtcp2.json\n.fi\n"
    ".SH SIGNALS\n"
    "SIGTERM and SIGINT end the daemon: it sends what is queued, for at most\n"
    ".BR \\-flushTimeout .\n"
    "SIGHUP opens files anew and reads the configuration again; one that does not start changes nothing.\n"
    "SIGUSR1 opens files anew, SIGUSR2 logs the ledger.\n"
    "A signal that was ignored at the start stays ignored, except SIGTERM and SIGINT.\n"
    ".SH EXIT STATUS\n"
    "0 when it ended as asked, 1 on a failure at run time, 2 for bad usage.\n"
    ".SH SEE ALSO\n"
    ".BR ss (8),\n"
    ".BR sock_diag (7),\n"
    ".BR network_namespaces (7)\n";

void doc_man(struct buf *b, const struct doc_section *sections)
{
	buf_str(b, man_head);
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (new_group(o))
			buf_printf(b, ".SS %s\n", option_group(o));
		man_option(b, o);
	}
	for (const struct doc_section *s = sections; s && s->title; s++) {
		if (s->hidden)
			continue;
		buf_str(b, ".SH ");
		for (const char *p = s->title; *p; p++)
			buf_byte(b, (uint8_t)toupper((unsigned char)*p));
		buf_byte(b, '\n');
		for (const struct doc_row *row = s->rows; row->name; row++) {
			buf_str(b, ".TP\n.B ");
			roff(b, row->name);
			buf_byte(b, '\n');
			roff(b, row->help);
			buf_byte(b, '\n');
		}
	}
	buf_str(b, man_tail);
}

/* Append a table cell, escaping the bar, which would end it. */
static void cell(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '|')
			buf_byte(b, '\\');
		buf_byte(b, (uint8_t)*p);
	}
}

static void markdown_option(struct buf *b, const struct option_info *o)
{
	char name[OPTION_ENVIRONMENT_MAX];

	buf_printf(b, "| `-%s` |", o->flag);
	if (has_default(o))
		buf_printf(b, " `%s`", o->default_text);
	buf_str(b, " |");
	range_append(b, o, " ");
	buf_str(b, " |");
	if (*option_environment(o, name))
		buf_printf(b, " `%s`", name);
	buf_str(b, " | ");
	cell(b, o->help);
	buf_str(b, " |\n");
}

void doc_markdown(struct buf *b)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (new_group(o))
			buf_printf(b,
				   "%s### %s\n\n| Flag | Default | Range | Environment | What it does |\n| "
				   "--- | --- | --- | --- | --- |\n",
				   o == option_table ? "" : "\n", option_group(o));
		markdown_option(b, o);
	}
}

void doc_markdown_section(struct buf *b, const struct doc_section *section)
{
	buf_printf(b, "| %s | |\n| --- | --- |\n", section->title);
	for (const struct doc_row *row = section->rows; row->name; row++) {
		buf_str(b, "| `");
		cell(b, row->name);
		buf_str(b, "` | ");
		cell(b, row->help);
		buf_str(b, " |\n");
	}
}
