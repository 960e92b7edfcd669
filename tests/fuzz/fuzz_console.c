/* SPDX-License-Identifier: MIT */
/* The guest's serial console: bytes to lines, lines to sentinels and trouble. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "vmrun/console.h"

static void on_line(const char *line, size_t len, void *data)
{
	struct console_sentinel s;

	assert(strlen(line) == len && len < CONSOLE_LINE_MAX);
	for (const char *p = line; *p; p++)
		assert(*p == '\t' || (*p >= ' ' && *p <= '~'));
	if (console_classify(line, &s) == CONSOLE_SENTINEL) {
		assert(strlen(s.name) < sizeof(s.name));
		assert(strstr(line, s.pass ? "_PASS" : "_FAIL"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line_reader *r = line_reader_new(on_line, NULL);

	assert(r);
	line_reader_feed(r, data, size / 2);
	line_reader_feed(r, data + size / 2, size - size / 2);
	line_reader_finish(r);
	line_reader_free(r);
	return 0;
}
