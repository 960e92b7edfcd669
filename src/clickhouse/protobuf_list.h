/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_PROTOBUF_LIST_H
#define CLICKHOUSE_PROTOBUF_LIST_H
/*
 * From ProtobufList to Protobuf: a stream of  varint(length) || Envelope { repeated row = n }  becomes a stream
 * of  varint(length) || row.  The engine reads one envelope per body in the first format and any number of rows
 * in the second, so this is what lets a recording of many envelopes go in. A row's bytes pass unchanged; the
 * state is a few integers, whatever the sizes. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Longest envelope that is taken for one; what claims to be longer is something else. */
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
	uint64_t number;   /* the varint that is being read ... */
	unsigned shift;	   /* ... and how many bits of it are there */
};

/* Starts with an all-zero *p. Appends to out what the bytes hold. 0, or -EBADMSG: they are no envelopes. */
int protobuf_list_push(struct protobuf_list *p, const void *data, size_t len, struct buf *out);

/* Whether the bytes end where an envelope ends. */
bool protobuf_list_complete(const struct protobuf_list *p);

#endif
