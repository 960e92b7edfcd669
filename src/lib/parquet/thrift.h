/* SPDX-License-Identifier: MIT */
#ifndef PARQUET_THRIFT_H
#define PARQUET_THRIFT_H
/*
 * Writes structures in the compact protocol of Apache Thrift, which the metadata of
 * Parquet is in. Fields of a structure are written in ascending id. Memory failure
 * shows in buf_ok() of the buffer.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Structures inside structures. */
#define THRIFT_DEPTH_MAX 8

/* Types of list elements. */
enum thrift_type {
	THRIFT_BOOL = 1,
	THRIFT_I32 = 5,
	THRIFT_I64 = 6,
	THRIFT_BINARY = 8,
	THRIFT_STRUCT = 12,
};

struct thrift {
	struct buf *b;
	int16_t last[THRIFT_DEPTH_MAX]; /* the last id of each open structure */
	int depth;
};

/* Begin the outermost structure; thrift_end() ends it. */
static inline struct thrift thrift_begin(struct buf *b)
{
	return (struct thrift){.b = b};
}

void thrift_varint(struct buf *b, uint64_t v);

/* Begin a structure that is a field, or (thrift_element) an element of a list. */
void thrift_struct(struct thrift *t, int16_t id);
void thrift_element(struct thrift *t);
void thrift_end(struct thrift *t);

void thrift_bool(struct thrift *t, int16_t id, bool v);
void thrift_i8(struct thrift *t, int16_t id, int8_t v);
void thrift_i16(struct thrift *t, int16_t id, int16_t v);
void thrift_i32(struct thrift *t, int16_t id, int32_t v);
void thrift_i64(struct thrift *t, int16_t id, int64_t v);
void thrift_binary(struct thrift *t, int16_t id, struct str v);
/* Write a structure without fields. */
void thrift_empty(struct thrift *t, int16_t id);

/* The head of a list; its elements follow. */
void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, uint32_t count);
void thrift_list_int(struct thrift *t, int64_t v);
void thrift_list_bool(struct thrift *t, bool v);
void thrift_list_binary(struct thrift *t, struct str v);

#endif
