/* SPDX-License-Identifier: MIT */
#ifndef LOOK_PARQUET_OUT_H
#define LOOK_PARQUET_OUT_H
/*
 * A Parquet file for a stream, which cannot be cut back: row groups of a bounded size as records come, the footer at
 * the end. Memory is that of a row group and of the metadata of those before it.
 */
#include "base/buf.h"
#include "record/encoder.h"

/* Rows of a row group: some 60 MB of memory. */
#define PARQUET_OUT_ROWS   40000
/* Row groups of a file: 40 million records; their metadata is some 35 KB each, which the footer repeats. */
#define PARQUET_OUT_GROUPS 1000

struct parquet_out;

/* The columns that the encoder chooses. NULL with errno. */
struct parquet_out *parquet_out_new(const struct encoder *encoder);
/* NULL is fine. */
void parquet_out_free(struct parquet_out *p);

/*
 * Add a record; put into out, an empty buffer, what of the file is complete: nothing, or a row group. 0, -ENOMEM, or
 * -EFBIG when the file has all its row groups. After an error parquet_out_end() makes a file of those that were put out.
 */
int parquet_out_add(struct parquet_out *p, const struct record *r, struct buf *out);
/* Put the rest of the file into out, an empty buffer; of a file without records all of it. 0 or -ENOMEM. */
int parquet_out_end(struct parquet_out *p, struct buf *out);

#endif
