/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_SCHEMA_H
#define PARQUET_SCHEMA_H
/* The structures of parquet.thrift that describe columns and their chunks. */
#include "parquet/column.h"

/* enum CompressionCodec */
enum { PARQUET_GZIP = 2, PARQUET_ZSTD = 6 };

/* The list FileMetaData.schema, and FileMetaData.column_orders. */
void schema_columns(struct thrift *t, const struct column *columns, size_t count);
void schema_orders(struct thrift *t, size_t count);

/* The element ColumnChunk: offsets in the chunk count from `base`, those of its indexes from indexes_at. */
void schema_chunk(struct thrift *t, const struct column *c, const struct chunk *chunk, int32_t codec,
		  int64_t base, int64_t indexes_at);

#endif
