/* SPDX-License-Identifier: MIT */
/* The table of options, and look-ups in it. */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/utf8.h"
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
	    [OPTION_BOOL] = NULL,	    [OPTION_U32] = "number",  [OPTION_U64] = "number",
	    [OPTION_DURATION] = "duration", [OPTION_LEVEL] = "level", [OPTION_STRING] = "text",
	    [OPTION_CHOICE] = "word",	    [OPTION_LIST] = "list",   [OPTION_FILE] = "file",
	    [OPTION_PROPERTIES] = "text",   [OPTION_ACTION] = NULL,   [OPTION_CONFIG_FILE] = "file",
	};
	static_assert(ARRAY_SIZE(names) == OPTION_CONFIG_FILE + 1, "one name per type of option");

	return option->type == OPTION_CHOICE ? option->min : names[option->type];
}

const char *option_suggest(const char *name)
{
	struct suggest s;

	suggest_begin(&s, name, strlen(name));
	for (const struct option_info *o = option_table; o->flag; o++)
		suggest_offer(&s, o->flag);
	return s.best;
}

/* XTCP2_ for XTCP_, and one slip more. */
#define ENVIRONMENT_EDITS 2

const struct option_info *option_suggest_environment(const char *name)
{
	const struct option_info *best = NULL;
	char own[OPTION_ENVIRONMENT_MAX];
	struct suggest s;

	suggest_begin_within(&s, name, strlen(name), ENVIRONMENT_EDITS);
	for (const struct option_info *o = option_table; o->flag; o++) {
		size_t before = s.best ? s.distance : SIZE_MAX;
		if (*option_environment(o, own))
			suggest_offer(&s, own);
		if (s.best && s.distance < before)
			best = o;
	}
	return best;
}

void config_error_write(char *error, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, size, fmt, ap);
	va_end(ap);
	for (size_t i = 0, len = strlen(error), n; i < len; i += n ? n : 1) {
		n = utf8_length((const uint8_t *)error + i, len - i);
		if (n == 0 || iscntrl((unsigned char)error[i]))
			error[i] = '?';
	}
}
