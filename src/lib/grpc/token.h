/* SPDX-License-Identifier: MIT */
#ifndef GRPC_TOKEN_H
#define GRPC_TOKEN_H
/*
 * The tokens of -grpcTokenFile: lines "admin TOKEN" and "read TOKEN"; blank lines
 * and lines that begin with # are skipped. Memory holds digests only; a token is
 * compared with all of them in constant time.
 */
#include <stddef.h>

#include "grpc/access.h"

#define TOKEN_COUNT_MAX 64
/* Characters of a token. A shorter one could be guessed; a longer one is a mistake. */
#define TOKEN_LEN_MIN	16
#define TOKEN_LEN_MAX	512

struct tokens;

/* Read the file; may block. Return NULL with one sentence in error that names file and line on failure. */
struct tokens *tokens_read(const char *path, char *error, size_t size);
void tokens_free(struct tokens *t);
/* Return the token's access; ACCESS_NONE if it is unknown. */
enum access tokens_access(const struct tokens *t, const char *token);

#endif
