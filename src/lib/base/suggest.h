/* SPDX-License-Identifier: MIT */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H
/*
 * The name that was meant by a wrong one: options, values, columns, states, subcommands. Begin with the wrong word, offer
 * every valid name, and append the text to the message. Allocates nothing; any thread.
 */
#include <stddef.h>

struct suggest {
	const char *word;
	size_t len;
	size_t limit;	  /* a name further away is another one */
	const char *best; /* borrowed; NULL when none is near */
	size_t best_len;
	size_t distance;    /* of best, in half edits */
	const char *before; /* put before the name in the text: "-"; "" at first */
};

/* Begin with the word (len bytes), which is borrowed. */
void suggest_begin(struct suggest *s, const char *word, size_t len);
/* As above, with a limit of edits of the caller's own. */
void suggest_begin_within(struct suggest *s, const char *word, size_t len, size_t limit);
/* Offer a valid name. Case counts for nothing; a name that begins with the word is nearest. */
void suggest_offer(struct suggest *s, const char *name);
void suggest_offer_len(struct suggest *s, const char *name, size_t len);

#define SUGGEST_TEXT_MAX 64
/* Write "; did you mean NAME?", or "" when no name is near, into text. Return text. */
const char *suggest_text(const struct suggest *s, char text[static SUGGEST_TEXT_MAX]);

#endif
