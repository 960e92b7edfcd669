/* SPDX-License-Identifier: MIT */
/*
 * Recordings as xtcp2 cat reads them, in every format: read whole and in pieces they have the same records, and each can be
 * written again. The first byte is the size of the pieces.
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "record/encoder.h"
#include "record/read.h"

/* Most records written, so that inputs stay fast. */
#define RECORDS_MAX 32

struct result {
	unsigned records;
	enum read_result last;
	size_t at;
};

/* Read what `head` bytes more make available, up to a fault or the end. */
static struct result read_all(const char *format, struct str data, size_t piece, bool write)
{
	struct record_reader reader;
	struct result result = {0};
	struct record record;
	size_t pos = 0, known = 0;

	bool found = record_reader_init(&reader, format);
	assert(found);
	do {
		size_t used;
		known = known + piece < data.len ? known + piece : data.len;
		do {
			result.last =
			    record_reader_next(&reader, (struct str){data.p + pos, (uint32_t)(known - pos)},
					       known == data.len, &used, &record);
			assert(used <= known - pos);
			assert(used || (result.last != READ_RECORD && result.last != READ_OTHER));
			if (result.last == READ_RECORD && result.records++ < RECORDS_MAX && write)
				fuzz_write_record(&record);
			pos += used;
		} while (result.last == READ_RECORD || result.last == READ_OTHER);
	} while (result.last == READ_MORE && known < data.len);
	result.at = pos;
	record_reader_free(&reader);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct str rest = {(const char *)data + 1, (uint32_t)(size - 1)};
	const char *format = read_recognise(rest);
	if (!format)
		return 0;
	struct result whole = read_all(format, rest, rest.len, true);
	struct result pieces = read_all(format, rest, (size_t)data[0] + 1, false);
	assert(whole.records == pieces.records && whole.at == pieces.at);
	return 0;
}
