/* SPDX-License-Identifier: MIT */
/* Completions of bash and zsh, from option_table. They offer single dashes only, as -help does. */
#include <string.h>

#include "config/doc.h"
#include "config/internal.h"

/* Tell whether the value is a path; other values to complete come with the sections. */
static bool takes_path(const struct option_info *o)
{
	return o->type == OPTION_CONFIG_FILE || o->type == OPTION_FILE ||
	       strcmp(o->flag, "capturePath") == 0 || strcmp(o->flag, "replay") == 0;
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
static void words(struct buf *b, const struct doc_section *section)
{
	for (const struct doc_row *row = section->rows; row->name; row++) {
		size_t len = strcspn(row->name, ":");
		buf_printf(b, "%s%.*s%s", row == section->rows ? "" : " ", (int)len, row->name,
			   row->name[len] ? ":" : "");
	}
}

void doc_bash(struct buf *b, const struct doc_section *sections)
{
	buf_str(b, "# bash completion for xtcp2(8)\n"
		   "_xtcp2() {\n"
		   "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		   "  COMPREPLY=()\n"
		   "  case $prev in\n");
	for (const struct option_info *o = option_table; o->flag; o++) {
		const struct doc_section *section = section_of(sections, o);
		if (section) {
			buf_printf(b, "    -%s) mapfile -t COMPREPLY < <(compgen -W '", o->flag);
			words(b, section);
			buf_str(b, "' -- \"$cur\"); return ;;\n");
		} else if (takes_path(o)) {
			buf_printf(b,
				   "    -%s) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n",
				   o->flag);
		} else if (option_value_name(o)) {
			buf_printf(b, "    -%s) return ;;\n", o->flag);
		}
	}
	buf_str(b, "  esac\n  mapfile -t COMPREPLY < <(compgen -W '");
	/* A section of no option is that of the subcommands. */
	for (const struct doc_section *s = sections; s && s->title; s++) {
		for (const struct doc_row *row = s->rows; !s->flag && row->name; row++)
			buf_printf(b, "%s ", row->name);
	}
	for (const struct option_info *o = option_table; o->flag; o++)
		buf_printf(b, "%s-%s", o == option_table ? "" : " ", o->flag);
	buf_str(b, "' -- \"$cur\")\n}\ncomplete -F _xtcp2 xtcp2\n");
}

/* Escape for '...[help]': quotes and brackets. */
static void zsh_text(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			buf_str(b, "'\\'");
		else if (strchr("[]:\\", *p))
			buf_byte(b, '\\');
		buf_byte(b, (uint8_t)*p);
	}
}

void doc_zsh(struct buf *b, const struct doc_section *sections)
{
	buf_str(b, "#compdef xtcp2\n_arguments");
	for (const struct option_info *o = option_table; o->flag; o++) {
		const struct doc_section *section = section_of(sections, o);
		buf_printf(b, " \\\n  '-%s[", o->flag);
		zsh_text(b, o->help);
		buf_byte(b, ']');
		if (option_value_name(o))
			buf_printf(b, ":%s:", option_value_name(o));
		if (section) {
			buf_byte(b, '(');
			struct buf list = {0};
			words(&list, section);
			zsh_text(b, buf_cstr(&list) ? buf_cstr(&list) : "");
			buf_free(&list);
			buf_byte(b, ')');
		} else if (takes_path(o)) {
			buf_str(b, "_files");
		}
		buf_byte(b, '\'');
	}
	buf_byte(b, '\n');
}
