/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's flags take, as rows for data/completion, which makes completions of several shells from them. It offers
 * single dashes only, as -help does.
 */
#include <string.h>

#include "base/log.h"
#include "config/doc.h"
#include "config/internal.h"

/* Tell whether the value is a path, or a list of such. */
static bool takes_path(const struct option_info *o)
{
	static const char *const paths[] = {"capturePath", "replay",	   "grpcSocket",
					    "netnsDirs",   "dockerSocket", NULL};

	for (const char *const *p = paths; *p; p++) {
		if (strcmp(*p, o->flag) == 0)
			return true;
	}
	return o->type == OPTION_CONFIG_FILE || o->type == OPTION_FILE;
}

static const struct doc_section *section_of(const struct doc_section *sections, const struct option_info *o)
{
	for (const struct doc_section *s = sections; s && s->title; s++) {
		if (s->flag && strcmp(s->flag, o->flag) == 0)
			return s;
	}
	return NULL;
}

/* Append the values of a section: each name up to its own argument ("tcp:HOST:PORT" gives "tcp:"). */
static void section_words(struct buf *b, const struct doc_section *section)
{
	for (const struct doc_row *row = section->rows; row->name; row++) {
		size_t len = strcspn(row->name, ":");
		buf_printf(b, "%s%.*s%s", row == section->rows ? "" : " ", (int)len, row->name,
			   row->name[len] ? ":" : "");
	}
}

/* Append words with bars between them as words with blanks. */
static void choice_words(struct buf *b, const char *choices)
{
	for (; *choices; choices++)
		buf_byte(b, *choices == '|' ? ' ' : (uint8_t)*choices);
}

static void value(struct buf *b, const struct doc_section *sections, const struct option_info *o)
{
	const struct doc_section *section = section_of(sections, o);

	if (section) {
		buf_str(b, section->list ? "list\t" : strcmp(o->flag, "dest") == 0 ? "dest\t" : "words\t");
		section_words(b, section);
	} else if (o->type == OPTION_CHOICE || o->type == OPTION_LEVEL) {
		buf_str(b, "words\t");
		choice_words(b, o->type == OPTION_CHOICE ? o->min : LOG_LEVEL_CHOICES);
	} else {
		buf_str(b, takes_path(o) ? "file\t" : option_value_name(o) ? "text\t" : "none\t");
	}
}

void doc_complete(struct buf *b, const struct doc_section *sections)
{
	/* A section of no option is that of the subcommands. */
	for (const struct doc_section *s = sections; s && s->title; s++) {
		for (const struct doc_row *row = s->rows; !s->flag && row->name; row++)
			buf_printf(b, "\t%s\tsub\t\t%s\n", row->name, row->help);
	}
	for (const struct option_info *o = option_table; o->flag; o++) {
		buf_printf(b, "\t-%s\t", o->flag);
		value(b, sections, o);
		buf_printf(b, "\t%s\n", o->help);
	}
}
