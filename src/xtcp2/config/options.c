/* SPDX-License-Identifier: MIT */
/* The table of options, and look-ups in it. */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/cleanup.h"
#include "config/internal.h"

const struct option_info option_table[] = {
#define OPTION(flag_, member_, TYPE_, default_, min_, max_, field_, help_) \
	{                                                                  \
	    .flag = flag_,                                                 \
	    .type = OPTION_##TYPE_,                                        \
	    .offset = offsetof(struct config, member_),                    \
	    .default_text = default_,                                      \
	    .min = min_,                                                   \
	    .max = max_,                                                   \
	    .proto_field = field_,                                         \
	    .line = __LINE__,                                              \
	    .help = help_,                                                 \
	},
#define OPTION_GROUP(title)
#include "control/options.def"
#undef OPTION
#undef OPTION_GROUP
    {0},
};

/* Find the group by line number: an option belongs to the last heading above it in options.def. */
static const struct {
	uint32_t line;
	const char *title;
} groups[] = {
#define OPTION(...)
#define OPTION_GROUP(title_) {.line = __LINE__, .title = title_},
#include "control/options.def"
#undef OPTION
#undef OPTION_GROUP
};

const struct option_info *option_find(const char *flag)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (strcmp(o->flag, flag) == 0)
			return o;
	}
	return NULL;
}

const char *option_group(const struct option_info *option)
{
	const char *title = "";

	for (size_t i = 0; i < ARRAY_SIZE(groups) && groups[i].line < option->line; i++)
		title = groups[i].title;
	return title;
}

char *option_environment(const struct option_info *option, char name[static OPTION_ENVIRONMENT_MAX])
{
	static const char prefix[] = "XTCP_";
	size_t n = sizeof(prefix) - 1;

	name[0] = '\0';
	if (option->type == OPTION_ACTION)
		return name;
	memcpy(name, prefix, n);
	for (const char *p = option->flag; *p && n < OPTION_ENVIRONMENT_MAX - 2; p++) {
		if (isupper((unsigned char)*p))
			name[n++] = '_';
		name[n++] = (char)toupper((unsigned char)*p);
	}
	name[n] = '\0';
	return name;
}

const struct option_info *option_of_environment(const char *name)
{
	char own[OPTION_ENVIRONMENT_MAX];

	for (const struct option_info *o = option_table; o->flag; o++) {
		if (*option_environment(o, own) && strcmp(own, name) == 0)
			return o;
	}
	return NULL;
}

const char *option_value_name(const struct option_info *option)
{
	static const char *const names[] = {
	    [OPTION_BOOL] = NULL,	    [OPTION_U32] = "number",	  [OPTION_U64] = "number",
	    [OPTION_DURATION] = "duration", [OPTION_STRING] = "text",	  [OPTION_LIST] = "list",
	    [OPTION_FILE] = "file",	    [OPTION_PROPERTIES] = "text", [OPTION_ACTION] = NULL,
	    [OPTION_CONFIG_FILE] = "file",
	};
	static_assert(ARRAY_SIZE(names) == OPTION_CONFIG_FILE + 1, "one name per type of option");

	return names[option->type];
}

/* Longest name that is compared; no flag is nearly as long. */
#define SUGGEST_MAX 40

/* Return the number of edits (insert, delete, replace; case ignored) that turn a into b. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[SUGGEST_MAX + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t best =
			    diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

const char *option_suggest(const char *name)
{
	size_t len = strlen(name);
	const char *best = NULL;
	size_t best_distance = len / 3 + 1; /* one edit in a short name, more in a long one */

	if (len < 2 || len > SUGGEST_MAX)
		return NULL;
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (strlen(o->flag) > SUGGEST_MAX)
			continue;
		size_t distance = strncasecmp(o->flag, name, len) == 0 ? 1 : edit_distance(name, o->flag);
		if (distance < best_distance || (!best && distance == best_distance)) {
			best = o->flag;
			best_distance = distance;
		}
	}
	return best;
}

const struct option_info *option_suggest_environment(const char *name)
{
	const struct option_info *best = NULL;
	char own[OPTION_ENVIRONMENT_MAX];
	size_t best_distance = 3; /* XTCP2_ for XTCP_, and a slip or two */

	if (strlen(name) > SUGGEST_MAX)
		return NULL;
	for (const struct option_info *o = option_table; o->flag; o++) {
		size_t distance = best_distance;
		if (*option_environment(o, own) && strlen(own) <= SUGGEST_MAX)
			distance = edit_distance(name, own);
		if (distance < best_distance) {
			best = o;
			best_distance = distance;
		}
	}
	return best;
}

void config_error_write(char *error, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, size, fmt, ap);
	va_end(ap);
	for (char *p = error; *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = '?';
	}
}
