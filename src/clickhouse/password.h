/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_PASSWORD_H
#define CLICKHOUSE_PASSWORD_H
/*
 * Passwords of the HTTP interface: given, from files, or generated here. A generated one has 125 random bits
 * and is kept in a file that only its owner may read; access to the file is access to the database.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Longest password in a file. */
#define PASSWORD_MAX 256

/* Read the first line of a file. 0, or -errno with a sentence in error: unreadable, empty or too long. */
int password_read(const char *path, char password[static PASSWORD_MAX], struct buf *error);

/* The same; a missing file is created atomically with a new password. */
int password_read_or_make(const char *path, char password[static PASSWORD_MAX], struct buf *error);

/* Compare in constant time. */
bool password_same(const char *a, const char *b);

#endif
