/* SPDX-License-Identifier: MIT */
#ifndef BASE_PROPERTIES_H
#define BASE_PROPERTIES_H
/*
 * Lists of NAME=VALUE, in two forms:
 * - text: "name=value;name=value". In it "\;" is a semicolon and "\\" a backslash;
 *   any other backslash is itself. Blanks around a name are ignored.
 * - lines, as in librdkafka's own files: one name=value per line, blanks around both
 *   ignored, the value otherwise taken as it is; empty lines and those that begin with
 *   '#' are skipped; a byte order mark and carriage returns are ignored.
 *
 * Values may be secrets, and a value that was not escaped looks like more names: errors
 * say which entry is meant by its number and quote nothing.
 */
#include <stddef.h>

#include "base/buf.h"

struct property {
	char *name, *value;
};

struct properties {
	struct property *rows;
	size_t count;
};

/* All zero is an empty list. */
void properties_free(struct properties *p);

/* Add the entries to the list; a name that is there already, from before, gets the new value. Return 0, -ENOMEM, or
 * -EINVAL with a clause ("entry 2 has no =") in why. On failure the list may have some of the entries. */
int properties_add_text(struct properties *p, const char *text, char *why, size_t size);
int properties_add_lines(struct properties *p, const char *text, char *why, size_t size);

/* Set one entry. Return 0 or -ENOMEM. */
int properties_set(struct properties *p, const char *name, const char *value);
/* Return the value, borrowed, NULL if the name is not in the list. */
const char *properties_find(const struct properties *p, const char *name);

/* Append the list in the form of a text. */
void properties_text(const struct properties *p, struct buf *b);
/*
 * The same for logs and other users: the values of names that say secret are empty, and
 * an entry whose name is not like one of librdkafka, perhaps a part of a value, is left out.
 */
void properties_public_text(const struct properties *p, struct buf *b);

#endif
