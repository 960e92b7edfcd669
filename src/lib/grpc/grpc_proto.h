/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_PROTO_H
#define GRPC_GRPC_PROTO_H
/*
 * gRPC over HTTP/2, for client and server: status codes, the message prefix, the
 * grpc-timeout and grpc-message fields. Pure functions, any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* The numbers of google.rpc.Code. */
enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
	GRPC_CODE_MAX_ = 17,
};

/* Return the code's name, such as "INVALID_ARGUMENT"; "UNKNOWN" for other numbers. Static storage. */
const char *grpc_code_name(unsigned code);

/* The prefix of a message: a compressed flag and the length, big-endian. */
#define GRPC_PREFIX 5

static inline void grpc_prefix_put(uint8_t p[static GRPC_PREFIX], uint32_t len)
{
	p[0] = 0;
	p[1] = (uint8_t)(len >> 24);
	p[2] = (uint8_t)(len >> 16);
	p[3] = (uint8_t)(len >> 8);
	p[4] = (uint8_t)len;
}

static inline uint32_t grpc_prefix_len(const uint8_t p[static GRPC_PREFIX])
{
	return (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
}

/* Parse grpc-timeout: 1 to 8 digits and a unit of H M S m u n. Return 0 or -EINVAL. */
int grpc_timeout_parse(struct str text, int64_t *ns);
/* The longest text grpc_timeout_format() writes, with its NUL. */
#define GRPC_TIMEOUT_TEXT 10
/* Format a timeout in the finest unit that fits eight digits, rounded up. */
void grpc_timeout_format(int64_t ns, char text[static GRPC_TIMEOUT_TEXT]);

/* Append text as a grpc-message: '%' and bytes outside printable ASCII become %XX. */
void grpc_percent_encode(struct buf *b, const char *text);
/* Append the decoded text; a '%' without two hex digits after it is kept. */
void grpc_percent_decode(struct buf *b, struct str text);

/* Return whether value is "application/grpc", with or without "+proto" and parameters. */
bool grpc_content_type_ok(struct str value);

#endif
