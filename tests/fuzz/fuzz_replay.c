/* SPDX-License-Identifier: MIT */
/* A capture, as -replay reads it. Each resulting record is written in every format. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "source/capture.h"

static int write_record(struct record_sink *sink, struct record *r)
{
	fuzz_write_record(r);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct decode_options options = {.attributes = UINT64_MAX};
	struct record_sink sink = {write_record};
	struct replay_result result = {0};
	struct record r = {0};
	char error[200] = "";

	if (!size)
		return 0;
	FILE *f = fmemopen((void *)data, size, "r");
	assert(f);
	int rc = replay_stream(f, "input", &options, &r, &sink, &result, error, sizeof(error));
	assert(rc == 0 || *error);
	assert(result.records <= result.messages);
	fclose(f);
	return 0;
}
