/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_PASSWORD_H
#define CLICKHOUSE_PASSWORD_H
/*
 * Passwords of the HTTP interface: given ones, from files, or made here. A made one has 125 random bits and lies
 * in a file that only its owner may read, so that whoever may read that file may ask.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Longest password of a file. */
#define PASSWORD_MAX 256

/* The first line of a file. 0, or -errno with a sentence in error: unreadable, empty or too long. */
int password_read(const char *path, char password[static PASSWORD_MAX], struct buf *error);

/* The same; a file that is not there is made with a new password, whole or not at all. */
int password_read_or_make(const char *path, char password[static PASSWORD_MAX], struct buf *error);

/* Compared in a time that does not tell how much was right. */
bool password_same(const char *a, const char *b);

#endif
