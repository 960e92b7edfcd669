/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_PARQUET_H
#define PARQUET_PARQUET_H
/*
 * Theory of operation
 *
 * Writes records as Apache Parquet (parquet-format 2.x, read by every reader of 1.x):
 * one optional column per field of fields.def, absent is null. A file is the magic,
 * row groups one after the other, and a footer; the writer makes bytes and leaves it
 * to the caller to put them somewhere. What it holds is one row group, encoded or
 * not, and the metadata of those before it.
 *
 *	parquet_begin()			a file
 *	parquet_add()			record after record
 *	parquet_group()			the bytes of the row group, and of the footer as it would
 *					be if the file ended there
 *	parquet_keep() or parquet_undo()	they have been written, or not
 *
 * Types: numbers are UINT_32 and UINT_64, times TIMESTAMP in nanoseconds of UTC,
 * addresses bytes in network order. Addresses, states and the congestion algorithm
 * have a second column with `_text` behind the name, as jsonl writes them; the other
 * columns have the types of the ClickHouse table. Field ids are the numbers of the
 * protobuf schema. Each column chunk has a dictionary where values repeat,
 * statistics, and a column and an offset index over pages of PARQUET_PAGE_ROWS rows.
 * The indexes of a row group follow it directly.
 */
#include "base/buf.h"
#include "record/encoder.h"

struct parquet;

/* Row groups of a file: bounds its footer, some 35 KB per row group in memory. */
#define PARQUET_GROUPS_MAX 128

/* The columns that the encoder chooses, named as it names them. application: "xtcp2 version 1.2.3". NULL with errno. */
struct parquet *parquet_new(const struct encoder *encoder, const char *application);
/* NULL is fine. */
void parquet_free(struct parquet *p);

/* Begin a file, without records. */
void parquet_begin(struct parquet *p);
/* Add a record to the row group. 0 or -ENOMEM, after which only parquet_undo() is possible. */
int parquet_add(struct parquet *p, const struct record *r);

uint32_t parquet_rows(const struct parquet *p);	  /* of the row group */
size_t parquet_bytes(const struct parquet *p);	  /* memory of the row group */
uint32_t parquet_groups(const struct parquet *p); /* row groups of the file */

/*
 * Append to out what continues the file: the row group, before the first of them the magic too; and to
 * footer what ends it there. 0 or -ENOMEM, then parquet_undo() follows.
 */
int parquet_group(struct parquet *p, struct buf *out, struct buf *footer);
/* The row group is in the file. */
void parquet_keep(struct parquet *p);
/* Forget the records of the row group, which is not in the file. */
void parquet_undo(struct parquet *p);

#endif
