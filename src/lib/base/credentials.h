/* SPDX-License-Identifier: MIT */
#ifndef BASE_CREDENTIALS_H
#define BASE_CREDENTIALS_H
/*
 * Keeps passwords out of logs, of -conf and of what a network peer may ask for.
 * They are recognised by their shape: the password of
 * "scheme://user:password@host", and the value of a "name=value" property whose
 * name says secret. Properties end at a semicolon, an ampersand or a comma.
 */
#include <stdbool.h>

/* A copy of text without them, for free(3); NULL without memory. */
char *credentials_hide(const char *text);
/* Whether there are any; true without memory. */
bool credentials_present(const char *text);

#endif
