/* SPDX-License-Identifier: MIT */
#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Longest word and name that are compared; no name is nearly as long. */
#define NAME_LEN_MAX 40

/* One edit in a short word, more in a long one. */
#define LETTERS_PER_EDIT 3

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Return the number of edits (insert, delete, replace, swap of neighbours; case ignored) that turn the word into name. */
static size_t edit_distance(const char *word, size_t word_len, const char *name, size_t len)
{
	/* Rows for the last two letters of the word and this one. */
	size_t rows[3][NAME_LEN_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= len; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= word_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			row[j] = least(last[j - 1] + !same(word[i - 1], name[j - 1]),
				       least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(word[i - 1], name[j - 2]) &&
			    same(word[i - 2], name[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[len];
}

void suggest_begin_within(struct suggest *s, const char *word, size_t len, size_t limit)
{
	*s = (struct suggest){.word = word, .len = len, .limit = limit, .before = ""};
}

void suggest_begin(struct suggest *s, const char *word, size_t len)
{
	suggest_begin_within(s, word, len, len < 2 ? 0 : len / LETTERS_PER_EDIT + 1);
}

void suggest_offer_len(struct suggest *s, const char *name, size_t len)
{
	if (s->limit == 0 || s->len > NAME_LEN_MAX || len > NAME_LEN_MAX)
		return;
	bool begins = len >= s->len && strncasecmp(name, s->word, s->len) == 0;
	size_t edits = edit_distance(s->word, s->len, name, len), distance = begins ? 1 : 2 * edits;
	/* As many edits as there are letters make any word of any other. */
	if (!begins && (edits > s->limit || edits >= s->len))
		return;
	if (s->best && distance >= s->distance)
		return;
	s->best = name;
	s->best_len = len;
	s->distance = distance;
}

void suggest_offer(struct suggest *s, const char *name)
{
	suggest_offer_len(s, name, strlen(name));
}

const char *suggest_text(const struct suggest *s, char text[static SUGGEST_TEXT_MAX])
{
	*text = '\0';
	if (s->best)
		snprintf(text, SUGGEST_TEXT_MAX, "; did you mean %s%.*s?", s->before, (int)s->best_len,
			 s->best);
	return text;
}
