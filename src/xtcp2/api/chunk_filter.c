/* SPDX-License-Identifier: MIT */
#include "api/chunk_filter.h"

#include <string.h>

#include "base/protowire.h"
#include "filter/filter.h"
#include "grpc/grpc_proto.h"
#include "record/wire_decode.h"

/* The record is field 1 of the message, and its only one. */
static bool passes(const struct filter *filter, struct str message)
{
	struct protowire reader = protowire_of(message);
	struct protowire_field f;
	struct record r;

	return protowire_next(&reader, &f) && f.type == PROTOWIRE_LEN && wire_decode(&r, f.bytes) == 0 &&
	       filter_match(filter, &r);
}

struct grpc_chunk *chunk_filter(struct grpc_chunk_pool *pool, const struct grpc_chunk *chunk,
				const struct filter *filter, uint32_t *kept)
{
	struct grpc_chunk *out = grpc_chunk_new(pool, chunk->len, chunk->messages);
	size_t len = 0;

	*kept = 0;
	for (size_t at = 0, size; at + GRPC_PREFIX <= chunk->len; at += size) {
		const uint8_t *p = chunk->data + at;

		size = GRPC_PREFIX + (size_t)grpc_prefix_len(p);
		if (size > chunk->len - at)
			break;
		if (!passes(filter,
			    (struct str){(const char *)p + GRPC_PREFIX, (uint32_t)(size - GRPC_PREFIX)}))
			continue;
		if (out)
			memcpy(out->data + len, p, size);
		len += size;
		++*kept;
	}
	if (out && *kept > 0) {
		out->len = len;
		out->messages = *kept;
		return out;
	}
	grpc_chunk_unref(out);
	return NULL;
}
