/* SPDX-License-Identifier: MIT */
/* One value of the configuration: parse it from text, check its range, and format it. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/choice.h"
#include "base/cleanup.h"
#include "base/credentials.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/properties.h"
#include "base/utf8.h"
#include "config/internal.h"

/* Dropped around the items of a list. */
#define LIST_BLANKS " \t\r\n"

/* A pointer to the option's member in c; a union, so that only one place casts. */
union value {
	bool boolean;
	uint32_t u32;
	uint64_t u64;
	int64_t duration;
	char *string;
	/* The member has the alignment of its own type, not of the widest. */
} __attribute__((packed, may_alias));

static union value *value_of(const struct config *c, const struct option_info *option)
{
	return (union value *)((char *)c + option->offset);
}

bool option_is_string(const struct option_info *option)
{
	switch (option->type) {
	case OPTION_STRING:
	case OPTION_CHOICE:
	case OPTION_LIST:
	case OPTION_FILE:
	case OPTION_PROPERTIES:
	case OPTION_CONFIG_FILE:
		return true;
	default:
		return false;
	}
}

bool option_shows_value(const struct option_info *option)
{
	return !option_is_string(option) || option->type == OPTION_CHOICE;
}

/* Parse decimal digits and nothing else: no sign, no space. Return 0, -EINVAL or -ERANGE. */
static int number_parse(const char *text, uint64_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
	}
	for (const char *p = text; *p; p++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	}
	*value = n;
	return 0;
}

/* Parse the words of Go's strconv.ParseBool. */
static int bool_parse(const char *text, bool *value)
{
	static const char *const words[2][6] = {
	    {"0", "f", "F", "false", "FALSE", "False"},
	    {"1", "t", "T", "true", "TRUE", "True"},
	};

	for (int v = 0; v < 2; v++) {
		for (size_t i = 0; i < ARRAY_SIZE(words[v]); i++) {
			if (strcmp(words[v][i], text) == 0) {
				*value = v;
				return 0;
			}
		}
	}
	return -EINVAL;
}

/* Parse a number or a duration into one unsigned number. */
static int scalar_parse(enum option_type type, const char *text, uint64_t *value)
{
	int64_t ns;

	if (type == OPTION_LEVEL && log_level_find(text)) {
		*value = log_level_find(text);
		return 0;
	}
	if (type != OPTION_DURATION)
		return number_parse(text, value);
	int r = duration_parse(text, &ns);
	*value = r < 0 ? 0 : (uint64_t)ns;
	return r;
}

static uint64_t type_max(enum option_type type)
{
	return type == OPTION_U32 || type == OPTION_LEVEL ? UINT32_MAX
	       : type == OPTION_U64			  ? UINT64_MAX
							  : INT64_MAX;
}

/* Write "between 1ms and 168h"; where the table has no limit, the type's limit applies. */
static void limits_describe(const struct option_info *option, char *text, size_t size)
{
	char max[DURATION_TEXT_MAX];

	if (*option->max)
		snprintf(max, sizeof(max), "%s", option->max);
	else if (option->type == OPTION_DURATION)
		duration_format(INT64_MAX, max);
	else
		snprintf(max, sizeof(max), "%" PRIu64, type_max(option->type));
	snprintf(text, size, "between %s and %s", *option->min ? option->min : "0", max);
}

static int scalar_assign(union value *v, const struct option_info *option, const char *text, char *reason)
{
	uint64_t value, min = 0, max = type_max(option->type);
	char limits[96], near[SUGGEST_TEXT_MAX];

	int r = scalar_parse(option->type, text, &value);
	if (*option->min)
		scalar_parse(option->type, option->min, &min);
	if (*option->max)
		scalar_parse(option->type, option->max, &max);
	if (r == 0 && value >= min && value <= max) {
		if (option->type == OPTION_U32 || option->type == OPTION_LEVEL)
			v->u32 = (uint32_t)value;
		else if (option->type == OPTION_U64)
			v->u64 = value;
		else
			v->duration = (int64_t)value;
		return 0;
	}
	limits_describe(option, limits, sizeof(limits));
	if (r != -EINVAL)
		snprintf(reason, REASON_MAX, "must be %s", limits);
	else if (option->type == OPTION_LEVEL)
		snprintf(reason, REASON_MAX, "must be %s, or a number %s%s", LOG_LEVEL_NAMES, limits,
			 choice_suggest(LOG_LEVEL_CHOICES, text, near));
	else if (option->type == OPTION_DURATION)
		snprintf(reason, REASON_MAX, "must be a duration such as 10s, 250ms or 1h30m, %s", limits);
	else
		snprintf(reason, REASON_MAX, "must be a whole number %s", limits);
	return -EINVAL;
}

/* Copy a list, without the blanks at its ends and around its commas. */
static char *list_copy(const char *text)
{
	char *list = malloc(strlen(text) + 1), *out = list;

	for (const char *p = text; list;) {
		p += strspn(p, LIST_BLANKS);
		size_t len = strcspn(p, ",");
		memcpy(out, p, len);
		out += len;
		while (len-- > 0 && strchr(LIST_BLANKS, out[-1]))
			out--;
		p += strcspn(p, ",");
		if (!*p)
			break;
		*out++ = *p++;
	}
	if (list)
		*out = '\0';
	return list;
}

/* Merge the properties of text into those of `before`, which may be NULL. Return NULL with a reason on failure. */
static char *properties_merge(const char *before, const char *text, char *reason)
{
	struct properties p = {0};
	_cleanup_buf_ struct buf merged = {0};
	char *copy = NULL;

	snprintf(reason, REASON_MAX, "out of memory");
	if (properties_add_text(&p, before ? before : "", reason, REASON_MAX) == 0 &&
	    properties_add_text(&p, text, reason, REASON_MAX) == 0) {
		properties_text(&p, &merged);
		copy = buf_cstr(&merged) ? strdup(buf_cstr(&merged)) : NULL;
	}
	properties_free(&p);
	return copy;
}

static int string_assign(union value *v, const struct option_info *option, const char *text, char *reason)
{
	char *copy = NULL;

	if (!utf8_valid(text, strlen(text))) {
		snprintf(reason, REASON_MAX, "must be UTF-8");
		return -EINVAL;
	}
	snprintf(reason, REASON_MAX, "out of memory");
	if (option->type == OPTION_PROPERTIES)
		copy = properties_merge(v->string, text, reason);
	else
		copy = option->type == OPTION_LIST ? list_copy(text) : strdup(text);
	if (!copy)
		return -EINVAL;
	free(v->string);
	v->string = copy;
	return 0;
}

/* Take one of the words of min, in any case; the default for an empty one. */
static int choice_assign(union value *v, const struct option_info *option, const char *text, char *reason)
{
	const char *word = *text ? choice_find(option->min, text) : option->default_text;
	char near[SUGGEST_TEXT_MAX];
	_cleanup_buf_ struct buf words = {0};

	if (word) {
		char *copy = strndup(word, strcspn(word, "|"));
		if (copy) {
			free(v->string);
			v->string = copy;
			return 0;
		}
		snprintf(reason, REASON_MAX, "out of memory");
		return -EINVAL;
	}
	choice_list(&words, option->min);
	snprintf(reason, REASON_MAX, "must be %s%s", buf_cstr(&words) ? buf_cstr(&words) : option->min,
		 choice_suggest(option->min, text, near));
	return -EINVAL;
}

int option_assign(struct config *c, const struct option_info *option, const char *text,
		  char reason[static REASON_MAX])
{
	union value *v = value_of(c, option);

	if (option->type == OPTION_CHOICE)
		return choice_assign(v, option, text, reason);
	if (option_is_string(option))
		return string_assign(v, option, text, reason);
	if (option->type != OPTION_BOOL && option->type != OPTION_ACTION)
		return scalar_assign(v, option, text, reason);
	int r = bool_parse(text, &v->boolean);
	if (r < 0)
		snprintf(reason, REASON_MAX, "must be true or false");
	return r;
}

int config_set(struct config *c, const struct option_info *option, const char *text, char *error, size_t size)
{
	char reason[REASON_MAX];

	int r = option_assign(c, option, text, reason);
	if (r < 0 && option_shows_value(option))
		config_error_write(error, size, "%s %.80s: %s", option->flag, text, reason);
	else if (r < 0)
		config_error_write(error, size, "%s: %s", option->flag, reason);
	return r;
}

int config_init(struct config *c)
{
	char reason[REASON_MAX];

	memset(c, 0, sizeof(*c));
	for (const struct option_info *o = option_table; o->flag; o++) {
		int r = option_assign(c, o, o->default_text, reason);
		if (r < 0) {
			config_free(c);
			return r;
		}
	}
	return 0;
}

void config_free(struct config *c)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (option_is_string(o))
			free(value_of(c, o)->string);
	}
	memset(c, 0, sizeof(*c));
}

int config_copy(struct config *to, const struct config *from)
{
	int r = 0;

	*to = *from;
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (!option_is_string(o))
			continue;
		char *copy = strdup(value_of(from, o)->string);
		value_of(to, o)->string = copy;
		if (!copy)
			r = -ENOMEM;
	}
	if (r < 0)
		config_free(to);
	return r;
}

void config_get_text(const struct config *c, const struct option_info *option, struct buf *b)
{
	const union value *v = value_of(c, option);
	char text[DURATION_TEXT_MAX];

	switch (option->type) {
	case OPTION_BOOL:
	case OPTION_ACTION:
		buf_str(b, v->boolean ? "true" : "false");
		return;
	case OPTION_U32:
	case OPTION_LEVEL:
		buf_printf(b, "%" PRIu32, v->u32);
		return;
	case OPTION_U64:
		buf_printf(b, "%" PRIu64, v->u64);
		return;
	case OPTION_DURATION:
		buf_str(b, duration_format(v->duration, text));
		return;
	case OPTION_STRING:
	case OPTION_CHOICE:
	case OPTION_LIST:
	case OPTION_FILE:
	case OPTION_PROPERTIES:
	case OPTION_CONFIG_FILE:
		buf_str(b, v->string);
		return;
	}
}

static void properties_show(const char *text, struct buf *b)
{
	struct properties p = {0};
	char why[REASON_MAX];

	/* What is in the configuration has been parsed before. */
	if (properties_add_text(&p, text, why, sizeof(why)) < 0)
		b->failed = true;
	else
		properties_public_text(&p, b);
	properties_free(&p);
}

void config_get_public_text(const struct config *c, const struct option_info *option, struct buf *b)
{
	if (!option_is_string(option)) {
		config_get_text(c, option, b);
		return;
	}
	if (option->type == OPTION_PROPERTIES) {
		properties_show(value_of(c, option)->string, b);
		return;
	}
	char *text = credentials_hide(value_of(c, option)->string);
	if (text)
		buf_str(b, text);
	else
		b->failed = true;
	free(text);
}
