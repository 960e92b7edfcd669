/* SPDX-License-Identifier: MIT */
#ifndef FILTER_LEX_H
#define FILTER_LEX_H
/* The words of a filter. */
#include <stddef.h>

#include "filter/node.h"

enum token_type {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_OP, /* a comparison */
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_BAD, /* a quote without its end */
};

struct token {
	enum token_type type;
	enum filter_op op;
	size_t at, len; /* in the text; of a quoted word without its quotes */
};

/* Return the token at or after offset *at and set *at to its end. */
struct token filter_lex(const char *text, size_t *at);

#endif
