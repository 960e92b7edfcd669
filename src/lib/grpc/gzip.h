/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GZIP_H
#define GRPC_GZIP_H
/* The message encoding "gzip" of gRPC. Pure functions, any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Return whether the list of encodings in a grpc-accept-encoding field has gzip. */
bool gzip_listed(struct str list);

/*
 * Append the data of one gzip member to b. Return 0; -EMSGSIZE as soon as the data
 * exceeds `most` bytes, whatever the rest would give; -EBADMSG if it is not gzip, is cut
 * short or has something behind it; -ENOMEM.
 */
int gzip_inflate(struct buf *b, const uint8_t *data, size_t len, size_t most);

/* Write the data as gzip to out, which has `size` bytes. Return the length, 0 if it does not fit or without memory. */
size_t gzip_deflate(uint8_t *out, size_t size, const uint8_t *data, size_t len);

#endif
