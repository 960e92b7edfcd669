/* SPDX-License-Identifier: MIT */
/* https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
#include "parquet/schema.h"

enum { INT32 = 1, INT64 = 2, BYTE_ARRAY = 6 };
enum { OPTIONAL = 1 };
enum { CONVERTED_UTF8 = 0, CONVERTED_UINT_32 = 13, CONVERTED_UINT_64 = 14 };
/* Members of the union LogicalType. */
enum { LOGICAL_STRING = 1, LOGICAL_TIMESTAMP = 8, LOGICAL_INTEGER = 10 };
enum { UNIT_NANOS = 3 };
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { PLAIN = 0, RLE = 3, RLE_DICTIONARY = 8 };

static const int32_t physical[] = {
    [COLUMN_INT32] = INT32,
    [COLUMN_INT64] = INT64,
    [COLUMN_BYTES] = BYTE_ARRAY,
};

static void logical_type(struct thrift *t, const struct column *c)
{
	thrift_struct(t, 10);
	if (c->text) {
		thrift_empty(t, LOGICAL_STRING);
	} else if (c->is_signed) {
		thrift_struct(t, LOGICAL_TIMESTAMP);
		thrift_bool(t, 1, true);
		thrift_struct(t, 2);
		thrift_empty(t, UNIT_NANOS);
		thrift_end(t);
		thrift_end(t);
	} else {
		thrift_struct(t, LOGICAL_INTEGER);
		thrift_i8(t, 1, c->type == COLUMN_INT32 ? 32 : 64);
		thrift_bool(t, 2, false);
		thrift_end(t);
	}
	thrift_end(t);
}

static void schema_column(struct thrift *t, const struct column *c)
{
	bool bytes = c->type == COLUMN_BYTES && !c->text;

	thrift_element(t);
	thrift_i32(t, 1, physical[c->type]);
	thrift_i32(t, 3, OPTIONAL);
	thrift_binary(t, 4, str_of(c->name));
	/* For readers older than logical types; nanoseconds have no converted type. */
	if (c->text)
		thrift_i32(t, 6, CONVERTED_UTF8);
	else if (!bytes && !c->is_signed)
		thrift_i32(t, 6, c->type == COLUMN_INT32 ? CONVERTED_UINT_32 : CONVERTED_UINT_64);
	if (c->id)
		thrift_i32(t, 9, c->id);
	if (!bytes)
		logical_type(t, c);
	thrift_end(t);
}

void schema_columns(struct thrift *t, const struct column *columns, size_t count)
{
	thrift_list(t, 2, THRIFT_STRUCT, (uint32_t)count + 1);
	thrift_element(t);
	thrift_binary(t, 4, str_of("xtcp_flat_record"));
	thrift_i32(t, 5, (int32_t)count);
	thrift_end(t);
	for (size_t i = 0; i < count; i++)
		schema_column(t, &columns[i]);
}

void schema_orders(struct thrift *t, size_t count)
{
	thrift_list(t, 7, THRIFT_STRUCT, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		thrift_element(t);
		thrift_empty(t, 1);
		thrift_end(t);
	}
}

static void statistics(struct thrift *t, const struct column *c, const struct range *range)
{
	struct bound min, max;
	bool bounds = range_bounds(range, c->type, c->is_signed, c->text, &min, &max);

	thrift_struct(t, 12);
	thrift_i64(t, 3, range->nulls);
	if (bounds) {
		thrift_binary(t, 5, bound_str(&max));
		thrift_binary(t, 6, bound_str(&min));
		thrift_bool(t, 7, max.exact);
		thrift_bool(t, 8, min.exact);
	}
	thrift_end(t);
}

static void encoding_stats(struct thrift *t, const struct chunk *chunk)
{
	thrift_list(t, 13, THRIFT_STRUCT, chunk->dictionary ? 2 : 1);
	if (chunk->dictionary) {
		thrift_element(t);
		thrift_i32(t, 1, PAGE_DICTIONARY);
		thrift_i32(t, 2, PLAIN);
		thrift_i32(t, 3, 1);
		thrift_end(t);
	}
	thrift_element(t);
	thrift_i32(t, 1, PAGE_DATA);
	thrift_i32(t, 2, chunk->dictionary ? RLE_DICTIONARY : PLAIN);
	thrift_i32(t, 3, (int32_t)chunk->pages);
	thrift_end(t);
}

static void metadata(struct thrift *t, const struct column *c, const struct chunk *chunk, int32_t codec,
		     int64_t base)
{
	thrift_struct(t, 3);
	thrift_i32(t, 1, physical[c->type]);
	thrift_list(t, 2, THRIFT_I32, chunk->dictionary ? 3 : 2);
	thrift_list_int(t, PLAIN);
	thrift_list_int(t, RLE);
	if (chunk->dictionary)
		thrift_list_int(t, RLE_DICTIONARY);
	thrift_list(t, 3, THRIFT_BINARY, 1);
	thrift_list_binary(t, str_of(c->name));
	thrift_i32(t, 4, codec);
	thrift_i64(t, 5, c->rows);
	thrift_i64(t, 6, chunk->uncompressed);
	thrift_i64(t, 7, chunk->compressed);
	thrift_i64(t, 9, base + chunk->data);
	if (chunk->dictionary)
		thrift_i64(t, 11, base + chunk->begin);
	statistics(t, c, &chunk->range);
	encoding_stats(t, chunk);
	thrift_end(t);
}

void schema_chunk(struct thrift *t, const struct column *c, const struct chunk *chunk, int32_t codec,
		  int64_t base, int64_t indexes_at)
{
	thrift_element(t);
	/* file_offset: once the place of a copy of the metadata; there is none. */
	thrift_i64(t, 2, 0);
	metadata(t, c, chunk, codec, base);
	thrift_i64(t, 4, indexes_at + chunk->offset_index);
	thrift_i32(t, 5, (int32_t)chunk->offset_index_length);
	if (chunk->column_index_length) {
		thrift_i64(t, 6, indexes_at + chunk->column_index);
		thrift_i32(t, 7, (int32_t)chunk->column_index_length);
	}
	thrift_end(t);
}
