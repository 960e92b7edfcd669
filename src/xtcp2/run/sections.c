/* SPDX-License-Identifier: MIT */
#include "run/sections.h"

#include <assert.h>

#include "base/cleanup.h"
#include "dest/dest.h"
#include "look/look.h"
#include "record/decode.h"
#include "record/encoder.h"
#include "record/field_info.h"
#include "record/states.h"

/* Most rows of one section, with the row that ends it; a debug build asserts that no table is longer. */
#define SECTION_ROWS_MAX 32

/* Most fields, each with two names. */
#define COLUMN_ROWS_MAX 512

static struct doc_row columns[COLUMN_ROWS_MAX], states[SECTION_ROWS_MAX], deserializers[SECTION_ROWS_MAX];

static struct doc_row destinations[SECTION_ROWS_MAX], formats[SECTION_ROWS_MAX],
    subcommands[SECTION_ROWS_MAX];

static const struct doc_section sections[] = {
    {"Destinations (-dest)", "dest", destinations},
    {"Formats (-marshal)", "marshal", formats},
    {"Subcommands (xtcp2 NAME -help)", NULL, subcommands},
    {"Columns", "columns", columns, .list = true, .hidden = true},
    {"States", "states", states, .list = true, .hidden = true},
    {"Deserializers", "deserializers", deserializers, .list = true, .hidden = true},
    {0},
};

static void fill_columns(void)
{
	size_t n = 0;

	for (size_t i = 0; i < record_field_count; i++) {
		const char *name = record_field_short_name(&record_fields[i]);
		assert(n + 2 < COLUMN_ROWS_MAX);
		if (*name)
			columns[n++] = (struct doc_row){name, ""};
		columns[n++] = (struct doc_row){record_fields[i].name, ""};
	}
}

static void fill_lists(void)
{
	static const char *const words[] = {"default", "all", "none"};
	size_t n = 0;

	for (size_t i = 0; tcp_states_name(i); i++) {
		assert(i < SECTION_ROWS_MAX - 1);
		states[i] = (struct doc_row){tcp_states_name(i), ""};
	}
	for (; n < ARRAY_SIZE(words); n++)
		deserializers[n] = (struct doc_row){words[n], ""};
	for (size_t i = 0; deserializer_name(i); i++, n++) {
		assert(n < SECTION_ROWS_MAX - 1);
		deserializers[n] = (struct doc_row){deserializer_name(i), ""};
	}
}

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
	fill_columns();
	fill_lists();
	return sections;
}
