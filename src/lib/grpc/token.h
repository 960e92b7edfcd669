/* SPDX-License-Identifier: MIT */
#ifndef GRPC_TOKEN_H
#define GRPC_TOKEN_H
/*
 * The tokens of -grpcTokenFile: lines "admin TOKEN" and "read TOKEN", blank lines
 * and lines that begin with # apart. Memory holds their digests only; a token is
 * compared with all of them in a time that does not depend on it.
 */
#include <stddef.h>

#include "grpc/access.h"

#define TOKEN_COUNT_MAX 64
/* Characters of a token. One below the least is guessed; one above the most is no token. */
#define TOKEN_LEN_MIN	16
#define TOKEN_LEN_MAX	512

struct tokens;

/* Reads the file; may block. NULL with one sentence in error that names file and line. */
struct tokens *tokens_read(const char *path, char *error, size_t size);
void tokens_free(struct tokens *t);
/* What the token gives: ACCESS_NONE when it is not one of them. */
enum access tokens_access(const struct tokens *t, const char *token);

#endif
