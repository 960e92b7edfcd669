/* SPDX-License-Identifier: MIT */
#include "base/choice.h"

#include <string.h>
#include <strings.h>

/* Go from a word of len bytes to the next one; NULL behind the last. */
static const char *next_word(const char *word, size_t len)
{
	return word[len] ? word + len + 1 : NULL;
}

const char *choice_find(const char *choices, const char *word)
{
	size_t wanted = strlen(word);

	for (const char *c = choices; c;) {
		size_t len = strcspn(c, "|");
		if (len == wanted && strncasecmp(c, word, len) == 0)
			return c;
		c = next_word(c, len);
	}
	return NULL;
}

void choice_list(struct buf *b, const char *choices)
{
	for (const char *c = choices; c;) {
		size_t len = strcspn(c, "|");
		const char *next = next_word(c, len);
		if (c != choices)
			buf_str(b, next ? ", " : " or ");
		buf_append(b, c, len);
		c = next;
	}
}

const char *choice_suggest(const char *choices, const char *word, char text[static SUGGEST_TEXT_MAX])
{
	struct suggest s;

	suggest_begin(&s, word, strlen(word));
	for (const char *c = choices; c;) {
		size_t len = strcspn(c, "|");
		suggest_offer_len(&s, c, len);
		c = next_word(c, len);
	}
	return suggest_text(&s, text);
}
