/* SPDX-License-Identifier: MIT */
#include "base/flags.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/standard_fds.h"

static const char *const type_names[] = {
    [FLAG_BOOL] = "", [FLAG_U32] = "N", [FLAG_DURATION] = "DURATION", [FLAG_STRING] = "TEXT"};
_Static_assert(sizeof(type_names) / sizeof(type_names[0]) == FLAG_STRING + 1, "a name a type");

static const char *const type_wants[] = {[FLAG_BOOL] = "true or false",
					 [FLAG_U32] = "a number from 0 to 4294967295",
					 [FLAG_DURATION] = "a duration such as 5s or 250ms",
					 [FLAG_STRING] = "text"};
_Static_assert(sizeof(type_wants) / sizeof(type_wants[0]) == FLAG_STRING + 1, "a sentence a type");

static void print_default(const struct flag *f)
{
	char duration[DURATION_TEXT_MAX];

	switch (f->type) {
	case FLAG_BOOL:
		printf("%s", *(bool *)f->value ? "true" : "false");
		break;
	case FLAG_U32:
		printf("%u", *(uint32_t *)f->value);
		break;
	case FLAG_DURATION:
		printf("%s", duration_format(*(int64_t *)f->value, duration));
		break;
	case FLAG_STRING:
		printf("\"%s\"", *(const char **)f->value);
		break;
	}
}

static void print_help(const struct flag *flags, const char *program, const char *summary)
{
	printf("%s: %s\n\nFlags:\n", program, summary);
	for (const struct flag *f = flags; f->name; f++) {
		printf("  -%s %s\n\t%s (default ", f->name, type_names[f->type], f->help);
		print_default(f);
		printf(")\n");
	}
	printf("  -help\n\tprint this and end\n");
}

/* Returns 0 or -EINVAL. */
static int set_value(const struct flag *f, const char *text)
{
	char *end;

	switch (f->type) {
	case FLAG_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return -EINVAL;
		*(bool *)f->value = *text == 't';
		return 0;
	case FLAG_U32:
		errno = 0;
		unsigned long long number = strtoull(text, &end, 10);
		if (!isdigit((unsigned char)*text) || *end || errno || number > UINT32_MAX)
			return -EINVAL;
		*(uint32_t *)f->value = (uint32_t)number;
		return 0;
	case FLAG_DURATION:
		return duration_parse(text, f->value) < 0 ? -EINVAL : 0;
	case FLAG_STRING:
		*(const char **)f->value = text;
		return 0;
	}
	return -EINVAL;
}

__attribute__((noreturn)) static void unknown(const struct flag *flags, const char *program,
					      const char *argument)
{
	fprintf(stderr, "%s: unknown argument \"%s\"; possible:", program, argument);
	for (const struct flag *f = flags; f->name; f++)
		fprintf(stderr, " -%s", f->name);
	fprintf(stderr, " -help\n");
	exit(2);
}

void flags_parse(const struct flag *flags, int argc, char *const *argv, const char *summary)
{
	const char *program = strrchr(argv[0], '/');

	standard_fds_fill();
	program = program ? program + 1 : argv[0];
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + (argv[i][0] == '-') + (argv[i][0] == '-' && argv[i][1] == '-');
		size_t len = strcspn(name, "=");
		const struct flag *f = flags;

		if (name != argv[i] && (strcmp(name, "help") == 0 || strcmp(name, "h") == 0)) {
			print_help(flags, program, summary);
			exit(0);
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
		if (!value || set_value(f, value) < 0) {
			fprintf(stderr, "%s: -%s wants %s, not \"%s\"\n", program, f->name,
				type_wants[f->type], value ? value : "");
			exit(2);
		}
	}
}
