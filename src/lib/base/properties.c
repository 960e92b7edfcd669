/* SPDX-License-Identifier: MIT */
#include "base/properties.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/credentials.h"

/* U+FEFF, which editors of other systems put in front. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Overwrite before freeing: a value may be a secret. */
static void value_free(char *value)
{
	if (value)
		explicit_bzero(value, strlen(value));
	free(value);
}

void properties_free(struct properties *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->rows[i].name);
		value_free(p->rows[i].value);
	}
	free(p->rows);
	*p = (struct properties){0};
}

static struct property *find(const struct properties *p, const char *name, size_t from)
{
	for (size_t i = from; i < p->count; i++) {
		if (strcmp(p->rows[i].name, name) == 0)
			return &p->rows[i];
	}
	return NULL;
}

const char *properties_find(const struct properties *p, const char *name)
{
	const struct property *row = find(p, name, 0);

	return row ? row->value : NULL;
}

int properties_set(struct properties *p, const char *name, const char *value)
{
	struct property *row = find(p, name, 0);
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	if (row) {
		value_free(row->value);
		row->value = copy;
		return 0;
	}
	char *name_copy = strdup(name);
	struct property *rows = name_copy ? reallocarray(p->rows, p->count + 1, sizeof(*rows)) : NULL;
	if (!rows) {
		free(name_copy);
		value_free(copy);
		return -ENOMEM;
	}
	p->rows = rows;
	rows[p->count++] = (struct property){name_copy, copy};
	return 0;
}

/* Cut blanks at both ends, in place. */
static char *trimmed(char *text)
{
	text += strspn(text, " \t\r");
	size_t len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* The entries that one text or file adds to a list. */
struct adding {
	struct properties *into, seen;
	char *why;
	size_t size;
};

static int refuse(const struct adding *a, const char *what, unsigned number, const char *clause)
{
	snprintf(a->why, a->size, "%s %u %s", what, number, clause);
	return -EINVAL;
}

/* Take one entry, whose text is changed. */
static int take(struct adding *a, char *entry, const char *what, unsigned number, bool trim_value)
{
	char *value = strchr(entry, '=');

	if (!value)
		return refuse(a, what, number, "has no =");
	*value++ = '\0';
	const char *name = trimmed(entry);
	if (!*name)
		return refuse(a, what, number, "has no name");
	if (find(&a->seen, name, 0))
		return refuse(a, what, number, "has a name that is there already");
	int r = properties_set(&a->seen, name, "");
	return r < 0 ? r : properties_set(a->into, name, trim_value ? trimmed(value) : value);
}

/* Move the next entry of a text to entry, without its escapes; return what follows it, NULL at the end. */
static const char *next_entry(const char *text, char *entry)
{
	while (*text && *text != ';') {
		if (*text == '\\' && (text[1] == ';' || text[1] == '\\'))
			text++;
		*entry++ = *text++;
	}
	*entry = '\0';
	return *text ? text + 1 : NULL;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r")] == '\0';
}

int properties_add_text(struct properties *p, const char *text, char *why, size_t size)
{
	struct adding a = {.into = p, .why = why, .size = size};
	char *entry = malloc(strlen(text) + 1);
	int r = entry ? 0 : -ENOMEM;

	for (unsigned number = 1; r == 0 && text; number++) {
		text = next_entry(text, entry);
		if (!is_blank(entry))
			r = take(&a, entry, "setting", number, false);
	}
	value_free(entry);
	properties_free(&a.seen);
	return r;
}

int properties_add_lines(struct properties *p, const char *text, char *why, size_t size)
{
	struct adding a = {.into = p, .why = why, .size = size};
	char *copy = strdup(text), *rest = copy, *line;
	int r = copy ? 0 : -ENOMEM;

	if (copy && strncmp(copy, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		rest += strlen(BYTE_ORDER_MARK);
	for (unsigned number = 1; r == 0 && (line = strsep(&rest, "\n")); number++) {
		line = trimmed(line);
		if (*line && *line != '#')
			r = take(&a, line, "line", number, true);
	}
	if (copy)
		explicit_bzero(copy, strlen(text));
	free(copy);
	properties_free(&a.seen);
	return r;
}

static void put(struct buf *b, const char *name, const char *value, bool first)
{
	buf_printf(b, "%s%s=", first ? "" : ";", name);
	for (; *value; value++) {
		if (*value == ';' || (*value == '\\' && (!value[1] || strchr("\\;", value[1]))))
			buf_byte(b, '\\');
		buf_byte(b, (uint8_t)*value);
	}
}

void properties_text(const struct properties *p, struct buf *b)
{
	for (size_t i = 0; i < p->count; i++)
		put(b, p->rows[i].name, p->rows[i].value, i == 0);
}

/* Tell whether librdkafka may have a property of that name: nearly all have a dot. */
static bool is_name(const char *name)
{
	static const char *const without[] = {"acks", "debug", "log_level", "partitioner", "retries"};
	bool known = strchr(name, '.') != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		known = known || strcmp(name, without[i]) == 0;
	if (!known)
		return false;
	for (; *name; name++) {
		if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && !strchr("._", *name))
			return false;
	}
	return true;
}

void properties_public_text(const struct properties *p, struct buf *b)
{
	bool first = true;

	for (size_t i = 0; i < p->count; i++) {
		const struct property *row = &p->rows[i];
		if (!is_name(row->name))
			continue;
		put(b, row->name, credentials_secret_name(row->name) ? "" : row->value, first);
		first = false;
	}
}
