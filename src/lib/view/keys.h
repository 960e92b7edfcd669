/* SPDX-License-Identifier: MIT */
#ifndef VIEW_KEYS_H
#define VIEW_KEYS_H
/* The keys of the live table, and what they put on its screen. No terminal here: bytes in, text out. */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "filter/filter.h"
#include "view/top.h"

struct keys {
	bool prompt, help;
	enum {
		KEYS_PLAIN,
		KEYS_ESCAPE,   /* the byte Escape was the last one */
		KEYS_SEQUENCE, /* in an escape sequence, such as that of an arrow */
	} escape;
	char input[FILTER_TEXT_MAX]; /* of the prompt */
	size_t input_len;
	char message[512]; /* on the last line until the next key; "" for none */
};

/* Take what was typed. Return false when it asks to end. */
bool keys_take(struct keys *k, struct top *t, const char *bytes, size_t n);

/* Append the lines of the screen, at most height of width characters. */
void keys_screen(const struct keys *k, struct top *t, size_t width, size_t height, bool colours,
		 struct buf *b);

#endif
