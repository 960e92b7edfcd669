/* SPDX-License-Identifier: MIT */
#include "run/sections.h"

#include <assert.h>

#include "base/cleanup.h"
#include "dest/dest.h"
#include "look/look.h"
#include "record/encoder.h"

/* Most rows of one section, with the row that ends it; a debug build asserts that no table is longer. */
#define SECTION_ROWS_MAX 32

static struct doc_row destinations[SECTION_ROWS_MAX], formats[SECTION_ROWS_MAX],
    subcommands[SECTION_ROWS_MAX];

static const struct doc_section sections[] = {
    {"Destinations (-dest)", "dest", destinations},
    {"Formats (-marshal)", "marshal", formats},
    {"Subcommands (xtcp2 NAME -help)", NULL, subcommands},
    {0},
};

const struct doc_section *help_sections(void)
{
	size_t n = 0;

	for (const struct dest_scheme *s = dest_table; s->scheme; s++, n++) {
		assert(n < SECTION_ROWS_MAX - 1);
		destinations[n] = (struct doc_row){s->syntax, s->help};
	}
	n = 0;
	for (const struct encoder_ops *e = encoder_table; e->name; e++, n++) {
		assert(n < SECTION_ROWS_MAX - 1);
		formats[n] = (struct doc_row){e->name, e->help};
	}
	n = 0;
	for (const struct look_command *c = look_table; c->name; c++, n++) {
		assert(n < SECTION_ROWS_MAX - 1);
		subcommands[n] = (struct doc_row){c->name, c->help};
	}
	return sections;
}
