/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_PROTOBUF_LIST_H
#define CLICKHOUSE_PROTOBUF_LIST_H
/*
 * From ProtobufList to Protobuf: a stream of  varint(length) || Envelope { repeated row = n }  becomes a
 * stream
 * of  varint(length) || row.  The engine reads one envelope per body in the first format and any number of
 * rows in the second, so only the second can insert a recording of many envelopes. A row's bytes pass
 * unchanged; the state is a few integers, whatever the sizes. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Longest envelope; a greater length is taken for another format. */
#define PROTOBUF_LIST_ENVELOPE_MAX (UINT64_C(1) << 30)

struct protobuf_list {
	enum protobuf_list_state {
		PROTOBUF_LIST_LENGTH, /* the envelope's length comes next, or the end */
		PROTOBUF_LIST_TAG,    /* a field's tag */
		PROTOBUF_LIST_ROW,    /* the length of a row */
		PROTOBUF_LIST_BYTES,  /* the bytes of a row */
		PROTOBUF_LIST_BROKEN,
	} state;
	uint64_t envelope; /* bytes of the envelope still to come */
	uint64_t row;	   /* bytes of the row still to come */
	uint64_t number;   /* the incomplete varint ... */
	unsigned shift;	   /* ... and the number of its bits read so far */
};

/* Convert bytes; *p is all zero at the beginning. Append to out. 0, or -EBADMSG for bytes of another
 * format. */
int protobuf_list_push(struct protobuf_list *p, const void *data, size_t len, struct buf *out);

/* Return whether the bytes so far end with a complete envelope. */
bool protobuf_list_complete(const struct protobuf_list *p);

#endif
