/* SPDX-License-Identifier: MIT */
#include "filter/lex.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Longer ones first: the first that fits is taken. */
static const struct sign {
	const char *text;
	enum token_type type;
	enum filter_op op;
} signs[] = {
    {"&&", TOKEN_AND},
    {"||", TOKEN_OR},
    {"==", TOKEN_OP, FILTER_EQ},
    {"!=", TOKEN_OP, FILTER_NE},
    {"<=", TOKEN_OP, FILTER_LE},
    {">=", TOKEN_OP, FILTER_GE},
    {"&", TOKEN_AND},
    {"|", TOKEN_OR},
    {"=", TOKEN_OP, FILTER_EQ},
    {"!", TOKEN_NOT},
    {"<", TOKEN_OP, FILTER_LT},
    {">", TOKEN_OP, FILTER_GT},
    {"(", TOKEN_OPEN},
    {")", TOKEN_CLOSE},
};

/* Words that stand for a sign, as in ss(8). */
static const struct sign words[] = {
    {"and", TOKEN_AND},		  {"or", TOKEN_OR},
    {"not", TOKEN_NOT},		  {"eq", TOKEN_OP, FILTER_EQ},
    {"ne", TOKEN_OP, FILTER_NE},  {"neq", TOKEN_OP, FILTER_NE},
    {"lt", TOKEN_OP, FILTER_LT},  {"le", TOKEN_OP, FILTER_LE},
    {"leq", TOKEN_OP, FILTER_LE}, {"gt", TOKEN_OP, FILTER_GT},
    {"ge", TOKEN_OP, FILTER_GE},  {"geq", TOKEN_OP, FILTER_GE},
};

static struct token quoted(const char *text, size_t *at)
{
	const char quote = text[*at];
	const char *end = strchr(text + *at + 1, quote);
	struct token t = {.type = TOKEN_WORD, .at = *at + 1};

	if (!end) {
		*at = strlen(text);
		return (struct token){.type = TOKEN_BAD, .at = t.at - 1, .len = 1};
	}
	t.len = (size_t)(end - text) - t.at;
	*at = t.at + t.len + 1;
	return t;
}

static struct token word(const char *text, size_t *at)
{
	struct token t = {.type = TOKEN_WORD, .at = *at, .len = strcspn(text + *at, " \t\r\n()!=<>&|'\"")};

	*at += t.len;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].text) == t.len && strncasecmp(words[i].text, text + t.at, t.len) == 0) {
			t.type = words[i].type;
			t.op = words[i].op;
		}
	}
	return t;
}

struct token filter_lex(const char *text, size_t *at)
{
	*at += strspn(text + *at, " \t\r\n");
	if (!text[*at])
		return (struct token){.type = TOKEN_END, .at = *at};
	if (text[*at] == '\'' || text[*at] == '"')
		return quoted(text, at);
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		size_t len = strlen(signs[i].text);

		if (strncmp(text + *at, signs[i].text, len) != 0)
			continue;
		struct token t = {signs[i].type, signs[i].op, *at, len};
		*at += len;
		return t;
	}
	return word(text, at);
}
