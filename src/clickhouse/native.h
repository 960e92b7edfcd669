/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_NATIVE_H
#define CLICKHOUSE_NATIVE_H
/*
 * Blocks of the format Native as a driver reads them that says client_protocol_version, as clickhouse-go does.
 * The engine writes them for version 0, without what later versions of the protocol have added: an introduction
 * to each block, and a byte per column that tells of its serialization. Where a column begins is found
 * by its type, so that types are read here whose length in bytes follows from their name: all but Variant, Dynamic,
 * JSON and AggregateFunction. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* From this version on the byte per column is there. */
#define NATIVE_CUSTOM_SERIALIZATION 54454

/* A stream of blocks. Set version; the rest is zero at first. */
struct native {
	uint32_t version;
	struct buf in; /* the part of a block that has come so far */
};

/*
 * Append the blocks that are whole with the next bytes to out. 0; -ENOTSUP with the type in *type (borrowed, until the
 * next call); -EBADMSG for bytes that are no blocks.
 */
int native_push(struct native *n, const void *data, size_t len, struct buf *out, struct str *type);
/* Tell whether the stream may end here. */
bool native_complete(const struct native *n);
void native_free(struct native *n);

#endif
