/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_DOC_H
#define CONFIG_DOC_H
/*
 * Documentation generated from option_table: -help, the man page, the table in
 * docs/running.md and what completions of shells are made from. The caller passes lists
 * of later stages (destinations, formats) as sections, so that this stage does
 * not depend on those.
 */
#include <stdbool.h>

#include "base/buf.h"

struct doc_row {
	const char *name; /* NULL ends the rows */
	const char *help;
};

struct doc_section {
	const char *title; /* NULL ends the sections */
	const char *flag;  /* the option whose values are listed, for completions; NULL for none */
	const struct doc_row *rows;
	bool list;   /* several of the values may be given, with commas between them */
	bool hidden; /* for completions only */
};

/* Append to b; buf_ok() shows a failed allocation. sections may be NULL. */
void doc_help(struct buf *b, const struct doc_section *sections);
void doc_man(struct buf *b, const struct doc_section *sections);
/* The rows of data/completion. */
void doc_complete(struct buf *b, const struct doc_section *sections);

/* Append Markdown tables: one per group of options; the one of a section. */
void doc_markdown(struct buf *b);
void doc_markdown_section(struct buf *b, const struct doc_section *section);

#endif
