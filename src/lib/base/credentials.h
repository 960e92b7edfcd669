/* SPDX-License-Identifier: MIT */
#ifndef BASE_CREDENTIALS_H
#define BASE_CREDENTIALS_H
/*
 * Keeps passwords out of logs, of -conf and of answers to network peers.
 * They are recognised by their form: the password of
 * "scheme://user:password@host", and the value of a "name=value" property whose
 * name says secret. Properties end at a semicolon, an ampersand or a comma.
 */
#include <stdbool.h>

/* Return true when the value of a property of that name is a secret. */
bool credentials_secret_name(const char *name);
/* Return a copy of text without passwords, for free(3); NULL when memory is exhausted. */
char *credentials_hide(const char *text);
/* Return true when text has passwords, or when memory is exhausted. */
bool credentials_present(const char *text);

#endif
