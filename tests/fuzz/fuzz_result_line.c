/* SPDX-License-Identifier: MIT */
/*
 * A line of the results port. Input without the head of a record gets one with the right check sum, so that
 * the search does not have to find it. An accepted line is written and read again.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "vmrun/crc32c.h"
#include "vmrun/result_line.h"

static void check(const char *text, size_t len)
{
	static struct result_line line, again;
	char out[RESULT_LINE_MAX];

	if (result_line_parse(text, len, &line) < 0)
		return;
	assert(line.pairs <= RESULT_PAIRS_MAX && line.verb < RESULT_VERBS);
	result_line_get(&line, "check");
	int n = result_line_format(&line, out);
	if (n < 0) /* too long with its escapes */
		return;
	int r = result_line_parse(out, (size_t)n - 1, &again);
	assert(r == 0 && again.pairs == line.pairs && again.seq == line.seq && again.verb == line.verb);
	for (size_t i = 0; i < line.pairs; i++)
		assert(strcmp(line.pair[i].value, again.pair[i].value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *framed = NULL;

	check(text, size);
	int n = asprintf(&framed, "XR nonce 7 12 %08x %s", (unsigned)crc32c(0, text, strlen(text)), text);
	assert(n > 0);
	check(framed, (size_t)n);
	free(framed);
	free(text);
	return 0;
}
