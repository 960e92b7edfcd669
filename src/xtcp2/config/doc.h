/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_DOC_H
#define CONFIG_DOC_H
/*
 * What people read about the options, all from option_table: -help, the man
 * page, the table in docs/running.md and the completions of bash and zsh.
 * Lists that belong to later stages (destinations, formats) come in as
 * sections, so that this stage does not depend on those.
 */
#include "base/buf.h"

struct doc_row {
	const char *name; /* NULL ends the rows */
	const char *help;
};

struct doc_section {
	const char *title; /* NULL ends the sections */
	const char *flag;  /* the option whose values are listed, for completions; NULL for none */
	const struct doc_row *rows;
};

/* sections may be NULL. Each appends to b; memory failure shows in buf_ok(). */
void doc_help(struct buf *b, const struct doc_section *sections);
void doc_man(struct buf *b, const struct doc_section *sections);
void doc_bash(struct buf *b, const struct doc_section *sections);
void doc_zsh(struct buf *b, const struct doc_section *sections);

/* Markdown tables: one a group of options; one of a section. */
void doc_markdown(struct buf *b);
void doc_markdown_section(struct buf *b, const struct doc_section *section);

#endif
