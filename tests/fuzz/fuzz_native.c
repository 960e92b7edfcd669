/* SPDX-License-Identifier: MIT */
/* Bytes as Native blocks of the engine: whole and in pieces they give the same blocks. */
#include <assert.h>
#include <string.h>

#include "clickhouse/native.h"
#include "fuzz.h"

/* Bytes of a piece. */
#define PIECE 11

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct native whole = {.version = NATIVE_CUSTOM_SERIALIZATION}, cut = whole;
	struct buf out = {0}, pieces = {0};
	struct str type;
	int again = 0;

	int r = native_push(&whole, data, size, &out, &type);
	for (size_t at = 0; at < size && again == 0; at += PIECE)
		again = native_push(&cut, data + at, size - at < PIECE ? size - at : PIECE, &pieces, &type);
	assert((r == 0) == (again == 0));
	assert(r != 0 || (out.len == pieces.len && native_complete(&whole) == native_complete(&cut)));
	assert(r != 0 || out.len == 0 || memcmp(out.data, pieces.data, out.len) == 0);
	buf_free(&out);
	buf_free(&pieces);
	native_free(&whole);
	native_free(&cut);
	return 0;
}
