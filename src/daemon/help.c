/* SPDX-License-Identifier: MIT */
#include "daemon/help.h"

#include <assert.h>

#include "dest/dest.h"
#include "record/encoder.h"

/* More rows than either table will have; the copy below asserts it. */
#define HELP_ROWS_MAX 32

const struct doc_section *help_sections(void)
{
	static struct doc_row dests[HELP_ROWS_MAX], encoders[HELP_ROWS_MAX];
	static const struct doc_section sections[] = {
	    {"Destinations", "dest", dests},
	    {"Formats", "marshal", encoders},
	    {0},
	};
	size_t n = 0;

	for (const struct dest_scheme *s = dest_table; s->scheme; s++, n++) {
		assert(n < HELP_ROWS_MAX - 1);
		dests[n] = (struct doc_row){s->syntax, s->help};
	}
	n = 0;
	for (const struct encoder_ops *e = encoder_table; e->name; e++, n++) {
		assert(n < HELP_ROWS_MAX - 1);
		encoders[n] = (struct doc_row){e->name, e->help};
	}
	return sections;
}
