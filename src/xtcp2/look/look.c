/* SPDX-License-Identifier: MIT */
#include "look/look.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/flags.h"
#include "base/standard_fds.h"
#include "record/field_info.h"
#include "view/column.h"

const struct look_command look_table[] = {
    {"ss", "print this host's TCP sockets once: those of all namespaces, filtered as by ss(8)", look_ss},
    {"top", "show them live, the busiest on top", look_top},
    {"cat", "read recordings in any format and write them in another, filtered", look_cat},
    {"fields", "list every field of a record with its type, unit and meaning", look_fields},
    {0},
};

look_fn look_find(const char *name)
{
	for (const struct look_command *c = look_table; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c->run;
	}
	return NULL;
}

bool look_suggest(const char *name, char text[static SUGGEST_TEXT_MAX])
{
	struct suggest s;

	suggest_begin(&s, name, strlen(name));
	for (const struct look_command *c = look_table; c->name; c++)
		suggest_offer(&s, c->name);
	return *suggest_text(&s, text);
}

int look_fields(int argc, char **argv)
{
	static const struct flag flags[] = {{0}};
	_cleanup_buf_ struct buf b = {0};

	argv[0] = "xtcp2 fields";
	flags_parse(flags, argc, argv,
		    "every field of a record, and the columns that tables have beside them");
	record_fields_print(&b);
	buf_str(&b, "\nColumns of xtcp2 ss, xtcp2 top and xtcp2client -format top only:\n");
	view_columns_help(&b);
	return standard_output(&b);
}
