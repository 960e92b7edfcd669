/* SPDX-License-Identifier: MIT */
#ifndef API_CHUNK_FILTER_H
#define API_CHUNK_FILTER_H
#include "grpc/grpc_chunk.h"

struct filter;

/*
 * Copy the records of a chunk of FlatRecordsResponse messages that pass the filter into a new chunk, which the caller
 * owns, with *kept as its number of messages. Return NULL when there are none (*kept is 0) or without memory.
 */
struct grpc_chunk *chunk_filter(struct grpc_chunk_pool *pool, const struct grpc_chunk *chunk,
				const struct filter *filter, uint32_t *kept);

#endif
