/* SPDX-License-Identifier: MIT */
/* The configuration as JSON, as -conf prints and -config reads it. Keys are the flags. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/internal.h"

static void json_unrefp(json_t **json)
{
	json_decref(*json);
}

static bool has_key(const struct option_info *option)
{
	return option->type != OPTION_ACTION && option->type != OPTION_CONFIG_FILE;
}

static bool is_number(const struct option_info *option)
{
	return option->type == OPTION_U32 || option->type == OPTION_U64 || option->type == OPTION_LEVEL;
}

/*
 * Return the JSON value in the form of option_assign(), in scratch or borrowed;
 * NULL when the option does not accept its type. Strings are valid for numbers
 * and bools too: -conf writes numbers beyond JSON's integers as strings.
 */
static const char *json_text(const struct option_info *option, const json_t *value, char scratch[static 32])
{
	if (json_is_string(value))
		return json_string_value(value);
	if (option->type == OPTION_BOOL && json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (is_number(option) && json_is_integer(value)) {
		snprintf(scratch, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return scratch;
	}
	return NULL;
}

static const char *json_wanted(const struct option_info *option)
{
	switch (option->type) {
	case OPTION_BOOL:
		return "true or false";
	case OPTION_U32:
	case OPTION_U64:
		return "a whole number";
	case OPTION_LEVEL:
		return "a whole number or a name, such as \"debug\"";
	case OPTION_DURATION:
		return "a string with a duration, such as \"10s\"";
	default:
		return "a string";
	}
}

static int pair_assign(struct config *c, const char *key, const json_t *value, char *error, size_t size)
{
	char scratch[32], reason[REASON_MAX];
	const struct option_info *option = option_find(key);

	if (!option || !has_key(option)) {
		const char *near = option ? NULL : option_suggest(key);
		if (option)
			return config_error(error, size, "\"%s\": is for the command line only", key);
		return near ? config_error(error, size, "\"%.64s\": no such option; did you mean \"%s\"?",
					   key, near)
			    : config_error(error, size, "\"%.64s\": no such option", key);
	}
	const char *text = json_text(option, value, scratch);
	if (!text)
		return config_error(error, size, "\"%s\": must be %s", key, json_wanted(option));
	int r = option_assign(c, option, text, reason);
	if (r < 0 && option_shows_value(option))
		config_error_write(error, size, "\"%s\": %.80s: %s", key, text, reason);
	else if (r < 0)
		config_error_write(error, size, "\"%s\": %s", key, reason);
	return r;
}

int config_load_json(struct config *c, const char *json, size_t len, char *error, size_t size)
{
	json_error_t where;
	_cleanup_(json_unrefp) json_t *root =
	    json_loadb(json ? json : "", len, JSON_REJECT_DUPLICATES, &where);

	if (!root) {
		/* jansson goes on with what is there, which may be a part of a secret. */
		char *near = strstr(where.text, " near ");
		if (near)
			*near = '\0';
		return config_error(error, size, "line %d, column %d: not JSON: %s", where.line, where.column,
				    where.text);
	}
	if (!json_is_object(root))
		return config_error(error, size, "must hold one JSON object of options, as -conf prints it");
	const char *key;
	json_t *value;
	json_object_foreach(root, key, value)
	{
		int r = pair_assign(c, key, value, error, size);
		if (r < 0)
			return r;
	}
	return 0;
}

typedef void (*text_fn)(const struct config *c, const struct option_info *option, struct buf *b);

static json_t *json_value(const struct config *c, const struct option_info *option, text_fn get_text)
{
	_cleanup_buf_ struct buf b = {0};

	get_text(c, option, &b);
	const char *text = buf_cstr(&b);
	if (!text)
		return NULL;
	if (option->type == OPTION_BOOL)
		return json_boolean(strcmp(text, "true") == 0);
	if (is_number(option)) {
		uint64_t n = strtoull(text, NULL, 10);
		if (n <= INT64_MAX)
			return json_integer((json_int_t)n);
	}
	/* All strings are UTF-8 but the kernel's host name, which the next start asks for again. */
	json_t *string = json_string(text);
	return string ? string : json_string("");
}

static bool is_default(const struct config *c, const struct option_info *option)
{
	_cleanup_buf_ struct buf b = {0};

	config_get_text(c, option, &b);
	return strcmp(b.len && buf_cstr(&b) ? buf_cstr(&b) : "", option->default_text) == 0;
}

static void render(const struct config *c, struct buf *b, text_fn get_text, bool changes)
{
	_cleanup_(json_unrefp) json_t *root = json_object();

	for (const struct option_info *o = option_table; root && o->flag; o++) {
		if (changes && is_default(c, o))
			continue;
		if (has_key(o) && json_object_set_new(root, o->flag, json_value(c, o, get_text)) < 0) {
			b->failed = true;
			return;
		}
	}
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	if (!text) {
		b->failed = true;
		return;
	}
	buf_str(b, text);
	buf_byte(b, '\n');
}

void config_to_json(const struct config *c, struct buf *b)
{
	render(c, b, config_get_public_text, false);
}

void config_to_private_json(const struct config *c, struct buf *b)
{
	render(c, b, config_get_text, false);
}

void config_to_private_json_changes(const struct config *c, struct buf *b)
{
	render(c, b, config_get_text, true);
}
