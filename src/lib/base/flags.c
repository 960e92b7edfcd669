/* SPDX-License-Identifier: MIT */
#include "base/flags.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/choice.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/standard_fds.h"
#include "version.h"

static const struct {
	const char *name, *wants;
} types[] = {
    [FLAG_BOOL] = {"", "true or false"},
    [FLAG_U32] = {"N", "a number from 0 to 4294967295"},
    [FLAG_PORT] = {"PORT", "a port from 0 to 65535"},
    [FLAG_LEVEL] = {"LEVEL", LOG_LEVEL_NAMES ", or a number"},
    [FLAG_DURATION] = {"DURATION", "a duration such as 5s or 250ms"},
    [FLAG_STRING] = {"TEXT", "text"},
    [FLAG_FILE] = {"FILE", "a path"},
    [FLAG_COLUMNS] = {"COLUMNS", "names with commas between them"},
    [FLAG_CHOICE] = {"", ""},
};
_Static_assert(sizeof(types) / sizeof(types[0]) == FLAG_CHOICE + 1, "a row per type");

/* Print " (default TEXT)", or nothing without a default. */
static void print_default(FILE *to, const struct flag *f)
{
	char duration[DURATION_TEXT_MAX];
	const char *text = NULL;

	switch (f->type) {
	case FLAG_BOOL:
		fprintf(to, " (default %s)", *(bool *)f->value ? "true" : "false");
		break;
	case FLAG_U32:
	case FLAG_PORT:
	case FLAG_LEVEL:
		fprintf(to, " (default %u)", *(uint32_t *)f->value);
		break;
	case FLAG_DURATION:
		if (*(int64_t *)f->value >= 0)
			fprintf(to, " (default %s)", duration_format(*(int64_t *)f->value, duration));
		break;
	case FLAG_STRING:
	case FLAG_FILE:
	case FLAG_COLUMNS:
	case FLAG_CHOICE:
		text = *(const char **)f->value;
		if (text)
			fprintf(to, " (default \"%s\")", text);
		break;
	}
}

void flags_print(FILE *to, const struct flag *flags)
{
	fprintf(to, "Flags:\n");
	for (const struct flag *f = flags; f->name; f++) {
		const char *value = f->choices ? f->choices : types[f->type].name;
		fprintf(to, "  -%s%s%s\n\t%s", f->name, *value ? " " : "", value, f->help);
		print_default(to, f);
		fputc('\n', to);
	}
	fprintf(to, "  -version\n\tprint the version and exit\n  -help\n\tprint this and exit\n");
}

static int number_parse(const char *text, uint64_t max, uint32_t *value)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number > max)
		return -EINVAL;
	*value = (uint32_t)number;
	return 0;
}

/* Return 0 or -EINVAL. */
static int set_value(const struct flag *f, const char *text)
{
	switch (f->type) {
	case FLAG_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return -EINVAL;
		*(bool *)f->value = *text == 't';
		return 0;
	case FLAG_LEVEL:
		if (log_level_find(text)) {
			*(uint32_t *)f->value = log_level_find(text);
			return 0;
		}
		return number_parse(text, UINT32_MAX, f->value);
	case FLAG_U32:
		return number_parse(text, UINT32_MAX, f->value);
	case FLAG_PORT:
		return number_parse(text, UINT16_MAX, f->value);
	case FLAG_DURATION:
		return duration_parse(text, f->value) < 0 ? -EINVAL : 0;
	case FLAG_CHOICE:
		/* Its users compare it as the table spells it. */
		if (!choice_find(f->choices, text) ||
		    strncmp(choice_find(f->choices, text), text, strlen(text)) != 0)
			return -EINVAL;
		*(const char **)f->value = text;
		return 0;
	case FLAG_STRING:
	case FLAG_FILE:
	case FLAG_COLUMNS:
		*(const char **)f->value = text;
		return 0;
	}
	return -EINVAL;
}

__attribute__((noreturn)) static void unknown(const struct flag *flags, const char *program,
					      const char *argument)
{
	fprintf(stderr, "%s: unknown argument \"%s\"; possible:", program, argument);
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];
	const char *word = argument + strspn(argument, "-");
	suggest_begin(&s, word, strcspn(word, "="));
	s.before = "-";
	for (const struct flag *f = flags; f->name; f++) {
		fprintf(stderr, " -%s", f->name);
		suggest_offer(&s, f->name);
	}
	fprintf(stderr, " -version -help%s\n", suggest_text(&s, near));
	exit(2);
}

__attribute__((noreturn)) static void bad_value(const struct flag *f, const char *program, const char *value)
{
	struct buf wants = {0};
	char near[SUGGEST_TEXT_MAX] = "";

	if (f->choices) {
		choice_list(&wants, f->choices);
		choice_suggest(f->choices, value, near);
	} else {
		buf_str(&wants, types[f->type].wants);
	}
	if (f->type == FLAG_LEVEL)
		choice_suggest(LOG_LEVEL_CHOICES, value, near);
	fprintf(stderr, "%s: -%s must be %s, not \"%s\"%s\n", program, f->name,
		buf_cstr(&wants) ? buf_cstr(&wants) : "", value, near);
	exit(2);
}

/* Return true when the argument is -WORD, --WORD or -LETTER. */
static bool is_flag(const char *argument, const char *word, char letter)
{
	if (argument[0] != '-')
		return false;
	if (argument[1] == letter && !argument[2])
		return true;
	return strcmp(argument + 1 + (argument[1] == '-'), word) == 0;
}

bool flags_wants_help(const char *argument)
{
	return is_flag(argument, "help", 'h');
}

bool flags_wants_version(const char *argument)
{
	return is_flag(argument, "version", 'v');
}

static const char *base_name(const char *program)
{
	const char *slash = strrchr(program, '/');

	return slash ? slash + 1 : program;
}

int flags_print_version(const char *program)
{
	printf("%s %s\n", base_name(program), XTCP2_VERSION);
	return 0;
}

static void print_help(const struct flag *flags, const char *program, const char *summary, const char *usage)
{
	printf("%s: %s\n\n", program, summary);
	if (usage)
		printf("Usage: %s [FLAG]... %s\n\n", program, usage);
	flags_print(stdout, flags);
	exit(0);
}

static void parse(const struct flag *flags, int argc, char *const *argv, const char *summary,
		  const char *usage, struct buf *words, const char **rest, size_t *count)
{
	const char *program = base_name(argv[0]);

	standard_fds_fill();
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + (argv[i][0] == '-') + (argv[i][0] == '-' && argv[i][1] == '-');
		size_t len = strcspn(name, "=");
		const struct flag *f = flags;

		if (flags_wants_version(argv[i]))
			exit(flags_print_version(program));
		if (flags_wants_help(argv[i])) {
			print_help(flags, program, summary, usage);
		}
		if (rest && (name == argv[i] || !*name)) {
			rest[(*count)++] = argv[i];
			continue;
		}
		if (words && name == argv[i]) {
			if (words->len)
				buf_byte(words, ' ');
			buf_str(words, argv[i]);
			continue;
		}
		while (f->name && (strlen(f->name) != len || memcmp(f->name, name, len) != 0))
			f++;
		if (!f->name || name == argv[i])
			unknown(flags, program, argv[i]);
		const char *value = name[len] == '=' ? name + len + 1 : NULL;
		if (!value && f->type == FLAG_BOOL)
			value = "true";
		if (!value && i + 1 < argc)
			value = argv[++i];
		if (!value || set_value(f, value) < 0)
			bad_value(f, program, value ? value : "");
	}
}

void flags_parse(const struct flag *flags, int argc, char *const *argv, const char *summary)
{
	parse(flags, argc, argv, summary, NULL, NULL, NULL, NULL);
}

void flags_parse_words(const struct flag *flags, int argc, char *const *argv, const char *summary,
		       const char *usage, struct buf *words)
{
	parse(flags, argc, argv, summary, usage, words, NULL, NULL);
}

size_t flags_parse_rest(const struct flag *flags, int argc, char *const *argv, const char *summary,
			const char *usage, const char **rest)
{
	size_t count = 0;

	parse(flags, argc, argv, summary, usage, NULL, rest, &count);
	return count;
}
