/* SPDX-License-Identifier: MIT */
/* A byte of options and one netlink message. The resulting record is written in every format. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "record/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct decode_options options = {.attributes = UINT64_MAX, .accecn_u16 = size && data[0] & 1};
	struct decode_counts counts = {0};
	struct record r = {0};

	if (!size)
		return 0;
	void *message = malloc(size); /* aligned, with nothing after it */
	assert(message);
	memcpy(message, data + 1, size - 1);
	if (!decode_inet_diag(message, size - 1, &options, &r, &counts))
		fuzz_write_record(&r);
	free(message);
	return 0;
}
