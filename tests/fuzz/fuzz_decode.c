/* SPDX-License-Identifier: MIT */
/*
 * Input that begins like a pcap file goes through the reader of captures, anything else is one netlink
 * message behind a byte of options. Each record that comes out is written in every format.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "record/encoder.h"
#include "source/capture.h"

#define MAGIC_BYTES 4

static int encode_all(struct record_sink *sink, struct record *r)
{
	static struct buf b;

	for (const struct encoder_ops *ops = encoder_table; ops->name; ops++) {
		struct encoder e = {.ops = ops};

		buf_reset(&b);
		ops->begin(&e, &b);
		ops->row(&e, &b, r);
		ops->end(&e, &b);
		assert(buf_ok(&b) && b.len);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char magics[][MAGIC_BYTES] = {"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d",
						   "\x4d\x3c\xb2\xa1", "\x0a\x0d\x0d\x0a"};
	const struct decode_options options = {.attributes = UINT64_MAX, .accecn_u16 = size && data[0] & 1};
	struct record_sink sink = {encode_all};
	struct replay_result result = {0};
	struct record r = {0};
	char error[200];

	if (!size)
		return 0;
	for (size_t i = 0; size >= MAGIC_BYTES && i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (memcmp(data, magics[i], MAGIC_BYTES))
			continue;
		FILE *f = fmemopen((void *)data, size, "r");
		assert(f);
		replay_stream(f, "input", &options, &r, &sink, &result, error, sizeof(error));
		fclose(f);
		return 0;
	}
	void *message = malloc(size); /* aligned, and nothing behind it */
	assert(message);
	memcpy(message, data + 1, size - 1);
	if (!decode_inet_diag(message, size - 1, &options, &r, &result.decode))
		encode_all(&sink, &r);
	free(message);
	return 0;
}
