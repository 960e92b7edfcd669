/* SPDX-License-Identifier: MIT */
#include "view/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define ESCAPE	  '\033'
#define BACKSPACE '\b'
#define DELETE	  '\177'
#define CTRL_U	  '\025'

static void sort_on(struct keys *k, struct top *t)
{
	top_sort_move(t, 1);
}

static void sort_back(struct keys *k, struct top *t)
{
	top_sort_move(t, -1);
}

static void group(struct keys *k, struct top *t)
{
	top_group_next(t);
}

static void pause_toggle(struct keys *k, struct top *t)
{
	top_pause_toggle(t);
}

static void all(struct keys *k, struct top *t)
{
	top_hidden_toggle(t);
}

static void prompt(struct keys *k, struct top *t)
{
	k->prompt = true;
	k->input_len = (size_t)snprintf(k->input, sizeof(k->input), "%s", top_filter(t));
}

static void help(struct keys *k, struct top *t)
{
	k->help = true;
}

static const struct {
	const char *keys; /* any of them */
	const char *shown, *meaning;
	void (*run)(struct keys *k, struct top *t); /* NULL ends */
} bindings[] = {
    {"s>", "s >", "sort by the next column", sort_on},
    {"S<", "S <", "sort by the column before", sort_back},
    {"/", "/", "filter: dport = :443 and not src 10.0.0.0/8; empty for all", prompt},
    {"g", "g", "group by remote, container, process, netns, and back to sockets", group},
    {"p ", "p", "pause, and go on", pause_toggle},
    {"a", "a", "show listeners and the own connection as well", all},
    {"h?", "h ?", "this help", help},
    {"q", "q", "quit", NULL},
};

/* One key of the table. false to end. */
static bool command(struct keys *k, struct top *t, char key)
{
	for (size_t i = 0; i < ARRAY_SIZE(bindings); i++) {
		if (!strchr(bindings[i].keys, key))
			continue;
		if (!bindings[i].run)
			return false;
		bindings[i].run(k, t);
	}
	return true;
}

static void prompt_done(struct keys *k, struct top *t)
{
	char error[400];

	if (top_set_filter(t, k->input, error, sizeof(error)))
		k->prompt = false; /* else the text stays, to be mended */
	else
		snprintf(k->message, sizeof(k->message), "%s", error);
}

static void prompt_key(struct keys *k, struct top *t, char key)
{
	if (key == '\n' || key == '\r') {
		prompt_done(k, t);
		return;
	}
	if (key == ESCAPE)
		k->prompt = false;
	else if ((key == BACKSPACE || key == DELETE) && k->input_len > 0)
		k->input_len--;
	else if (key == CTRL_U)
		k->input_len = 0;
	else if (isprint((unsigned char)key) && k->input_len + 1 < sizeof(k->input))
		k->input[k->input_len++] = key;
	k->input[k->input_len] = '\0';
}

/* One key, whatever is shown. false to end. */
static bool take_key(struct keys *k, struct top *t, char key)
{
	k->message[0] = '\0';
	if (k->prompt) {
		prompt_key(k, t, key);
		return true;
	}
	if (!k->help)
		return command(k, t, key);
	k->help = false;
	return key != 'q';
}

static bool begins_sequence(char c)
{
	return c == '[' || c == 'O';
}

/* The last byte of an escape sequence: right and left sort, other keys do nothing. */
static void end_sequence(struct keys *k, struct top *t, char c)
{
	k->escape = KEYS_PLAIN;
	if (!k->prompt && (c == 'C' || c == 'D'))
		take_key(k, t, c == 'C' ? '>' : '<');
}

bool keys_take(struct keys *k, struct top *t, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (k->escape == KEYS_ESCAPE && begins_sequence(c)) {
			k->escape = KEYS_SEQUENCE;
		} else if (k->escape == KEYS_SEQUENCE) {
			if (isalpha((unsigned char)c) || c == '~')
				end_sequence(k, t, c);
		} else {
			k->escape = c == ESCAPE ? KEYS_ESCAPE : KEYS_PLAIN;
			/* The key Escape itself, unless the rest of a sequence is there: a slow terminal sends it later. */
			if (c == ESCAPE && i + 1 < n && begins_sequence(bytes[i + 1]))
				continue;
			if (!take_key(k, t, c))
				return false;
		}
	}
	return true;
}

static void help_lines(size_t width, size_t height, struct buf *b)
{
	char line[256];

	for (size_t i = 0; i < ARRAY_SIZE(bindings) && i + 1 < height; i++) {
		snprintf(line, sizeof(line), "  %-5s %s", bindings[i].shown, bindings[i].meaning);
		buf_printf(b, "%.*s\n", (int)width, line);
	}
	buf_printf(b, "%.*s\n", (int)width, "any key goes back");
}

void keys_screen(const struct keys *k, struct top *t, size_t width, size_t height, bool colours,
		 struct buf *b)
{
	bool last_line = k->prompt || *k->message;
	struct top_paper paper = {
	    .width = width, .height = height - last_line, .title = true, .colours = colours};

	if (k->help) {
		help_lines(width, height, b);
		return;
	}
	top_render(t, &paper, b);
	if (*k->message)
		buf_printf(b, "%.*s\n", (int)width, k->message);
	else if (k->prompt) {
		/* The end of a long text is what is being typed. */
		size_t room = width > 2 ? width - 2 : 1;
		size_t from = k->input_len > room ? k->input_len - room : 0;
		buf_printf(b, "/%s_\n", k->input + from);
	}
}
