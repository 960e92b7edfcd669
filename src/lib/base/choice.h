/* SPDX-License-Identifier: MIT */
#ifndef BASE_CHOICE_H
#define BASE_CHOICE_H
/* Words of which one is chosen, as a text with bars between them: "on|log|off". */
#include "base/buf.h"
#include "base/suggest.h"

/* Find a word in any case. Return where it begins in choices; a bar or the NUL ends it. NULL for an unknown word. */
const char *choice_find(const char *choices, const char *word);
/* Append "on, log or off". */
void choice_list(struct buf *b, const char *choices);
/* Write "; did you mean log?", or "" when no word is near, into text. Return text. */
const char *choice_suggest(const char *choices, const char *word, char text[static SUGGEST_TEXT_MAX]);

#endif
