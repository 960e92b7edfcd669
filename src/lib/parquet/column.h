/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_COLUMN_H
#define PARQUET_COLUMN_H
/*
 * One column of a row group: values are added row by row, then encoded into a column
 * chunk with its pages, statistics and indexes. Each column is optional (absent is
 * null). Not thread-safe.
 */
#include "base/compress.h"
#include "parquet/dictionary.h"
#include "parquet/range.h"

/* Rows of a page, the same in all columns: the unit that a reader skips. */
#define PARQUET_PAGE_ROWS 20000

struct column {
	const char *name;
	enum column_type type;
	int32_t id;	       /* field id, 0 for none */
	bool is_signed;	       /* COLUMN_INT64: a time */
	bool text;	       /* COLUMN_BYTES: UTF-8 */
	uint32_t rows, values; /* all, and those that are not null */
	struct buf levels;     /* uint8_t per row: 1 for a value */
	struct buf numbers;    /* of COLUMN_INT32 and COLUMN_INT64, in their width */
	struct buf indexes;    /* uint32_t per value of COLUMN_BYTES: into the dictionary */
	struct dictionary dictionary;
	bool plain;	      /* the dictionary became too large: the values are in ... */
	struct buf strings;   /* ... PLAIN, length and bytes */
	struct buf string_at; /* uint32_t per value: where it begins there */
};

/* Room that all columns of a writer share while they are encoded, one after the other. */
struct column_scratch {
	struct compressor *compressor;
	int32_t codec;		      /* Parquet's number of the compression */
	struct dictionary dictionary; /* of numbers */
	struct buf indexes, levels, page, packed;
	struct buf ranges, places; /* struct range and struct place, one per page */
};

/* The result of column_encode(), for the metadata of the row group. */
struct chunk {
	bool dictionary;     /* the values are indexes into a dictionary page */
	int64_t begin, data; /* offsets of the chunk and of its first data page, from where `out` begins */
	int64_t compressed, uncompressed;
	uint32_t pages;
	uint32_t offset_index, offset_index_length; /* where the indexes are in `indexes` */
	uint32_t column_index, column_index_length; /* length 0: none */
	struct range range;
};

void column_free(struct column *c);
/* Forget all rows. */
void column_reset(struct column *c);
/* Return the bytes that the rows take. */
size_t column_bytes(const struct column *c);
bool column_ok(const struct column *c);

void column_null(struct column *c);
void column_number(struct column *c, uint64_t v);
/* Bytes of text that are not UTF-8 become U+FFFD. */
void column_string(struct column *c, struct str s);

/*
 * Append the pages to out, and the offset index and the column index to indexes. The
 * offsets in the offset index are those of a file in which out->data[0] is at `base`.
 */
void column_encode(struct column *c, struct column_scratch *s, struct buf *out, struct buf *indexes,
		   int64_t base, struct chunk *chunk);

void column_scratch_free(struct column_scratch *s);

#endif
