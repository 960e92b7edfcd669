/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The command line is parsed first but applied last: it names the file, and it
 * has the highest precedence. Parsing collects (option, text) pairs and reports
 * unknown flags and missing values before anything else happens. Then the file,
 * the environment and the pairs are applied, each over the ones before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/input.h"
#include "base/log.h"
#include "config/internal.h"

/* Largest configuration file; a larger one is a mistake. */
#define CONFIG_FILE_MAX (1 << 20)

/* Longest flag name; a longer one is unknown. */
#define FLAG_NAME_MAX 64

struct given {
	const struct option_info *option;
	const char *text;
};

/* Common alternative spellings. */
static const struct {
	const char *name, *flag;
} aliases[] = {{"h", "help"}, {"version", "v"}};

static const struct option_info *flag_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (strcmp(aliases[i].name, name) == 0)
			name = aliases[i].flag;
	}
	return option_find(name);
}

/* Tell whether an argument is a known flag, and so not the value of the flag before it. */
static bool looks_like_flag(const char *arg)
{
	if (*arg != '-')
		return false;
	arg += arg[1] == '-' ? 2 : 1;
	char name[FLAG_NAME_MAX];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, "="), arg);
	return flag_find(name) != NULL;
}

/* What follows the value of a string may be the rest of it, whose quotes are missing: a part of a password. */
static int not_a_flag(const char *arg, const struct given *before, char *error, size_t size)
{
	static const char rule[] = "not a flag; flags begin with a dash and are followed by their value, "
				   "true or false after = (see -help)";

	if (before && before->option && !option_shows_value(before->option))
		return config_error(error, size, "the argument after the value of -%s: %s",
				    before->option->flag, rule);
	return config_error(error, size, "%.80s: %s", arg, rule);
}

/* Parse the flag at argv[*i] and its value; advance *i when the value is the next argument. */
static int flag_read(struct given *given, const struct given *before, char *const *argv, int argc, int *i,
		     char *error, size_t size)
{
	const char *arg = argv[*i];
	if (arg[0] != '-' || !arg[1])
		return not_a_flag(arg, before, error, size);
	const char *body = arg + (arg[1] == '-' ? 2 : 1);
	const char *equals = strchr(body, '=');
	char name[FLAG_NAME_MAX];
	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - body) : (int)strlen(body), body);

	const struct option_info *option = flag_find(name);
	if (!option) {
		const char *near = option_suggest(name);
		return near ? config_error(error, size, "-%s: no such flag; did you mean -%s? (see -help)",
					   name, near)
			    : config_error(error, size, "-%s: no such flag (see -help)", name);
	}
	given->option = option;
	if (equals) {
		given->text = equals + 1;
	} else if (!option_value_name(option)) {
		given->text = "true";
	} else if (*i + 1 < argc && !looks_like_flag(argv[*i + 1])) {
		given->text = argv[++*i];
	} else {
		return config_error(error, size, "-%s: needs a value (%s)", option->flag,
				    option_value_name(option));
	}
	return 0;
}

/* Fill given[argc] and *count. */
static int flags_read(struct given *given, size_t *count, int argc, char *const *argv, char *error,
		      size_t size)
{
	for (int i = 1; i < argc; i++) {
		const struct given *before = *count ? &given[*count - 1] : NULL;
		if (strcmp(argv[i], "--") == 0)
			return i + 1 < argc ? not_a_flag(argv[i + 1], before, error, size) : 0;
		int r = flag_read(&given[*count], before, argv, argc, &i, error, size);
		if (r < 0)
			return r;
		++*count;
	}
	return 0;
}

static int flags_apply(struct config *c, const struct given *given, size_t count, char *error, size_t size)
{
	char reason[REASON_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct option_info *o = given[i].option;
		int r = option_assign(c, o, given[i].text, reason);
		if (r < 0 && option_shows_value(o))
			config_error_write(error, size, "-%s %.80s: %s", o->flag, given[i].text, reason);
		else if (r < 0)
			config_error_write(error, size, "-%s: %s", o->flag, reason);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Return the value of a variable, NULL if it is not set. */
static const char *environment_find(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

static int environment_apply(struct config *c, char *const *env, char *error, size_t size)
{
	char name[OPTION_ENVIRONMENT_MAX], reason[REASON_MAX];

	for (const struct option_info *o = option_table; o->flag; o++) {
		const char *text = *option_environment(o, name) ? environment_find(env, name) : NULL;
		int r = text ? option_assign(c, o, text, reason) : 0;
		if (r < 0 && option_shows_value(o))
			config_error_write(error, size, "%s=%.80s: %s", name, text, reason);
		else if (r < 0)
			config_error_write(error, size, "%s: %s", name, reason);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Warn about variables that look like options and are none. Another program may use them, so this is not an error. */
static void environment_warn_unknown(char *const *env)
{
	/* Of the unit, of the control client, of a restart in place. */
	static const char *const ours[] = {"XTCP2_ARGS", "XTCP2_TOKEN", "XTCP2_HANDOVER"};
	char name[OPTION_ENVIRONMENT_MAX], near[OPTION_ENVIRONMENT_MAX];

	for (; *env; env++) {
		bool known = strncmp(*env, "XTCP_", 5) != 0 && strncmp(*env, "XTCP2_", 6) != 0;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*env, "="), *env);
		for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
			known = known || strcmp(name, ours[i]) == 0;
		if (known || option_of_environment(name))
			continue;
		const struct option_info *o = option_suggest_environment(name);
		if (o)
			log_warn("config", "%s: no option has this variable, ignored; did you mean %s?", name,
				 option_environment(o, near));
		else
			log_warn("config", "%s: no option has this variable, ignored", name);
	}
}

static void no_effect_warn(const struct config *c)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (strcmp(option_group(o), OPTION_GROUP_NO_EFFECT) != 0)
			continue;
		_cleanup_buf_ struct buf value = {0};
		config_get_text(c, o, &value);
		const char *text = buf_cstr(&value);
		if (text && strcmp(text, o->default_text) != 0)
			log_notice("config", "-%s %s: accepted but without effect: %s", o->flag, text,
				   o->help);
	}
}

static int file_apply(struct config *c, char *error, size_t size)
{
	const char *path = c->config_file;
	_cleanup_buf_ struct buf text = {0};
	_cleanup_close_ int fd = input_open(path);

	if (fd < 0)
		return config_error(error, size, "-config %s: %s", path, input_strerror(-fd));
	for (;;) {
		if (text.len > CONFIG_FILE_MAX || !buf_reserve(&text, 4096))
			return config_error(error, size, "-config %s: larger than %d bytes", path,
					    CONFIG_FILE_MAX);
		ssize_t n = read(fd, text.data + text.len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return config_error(error, size, "-config %s: %s", path, strerror(errno));
		if (n == 0)
			break;
		text.len += (size_t)n;
	}
	char reason[REASON_MAX + 128];
	size_t mark = text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order */
	int r = config_load_json(c, (const char *)text.data + mark, text.len - mark, reason, sizeof(reason));
	if (r < 0)
		config_error_write(error, size, "-config %s: %s", path, reason);
	return r;
}

/* Set only the options that name the file or ask for -help or -v, from flags and environment. */
static int bootstrap(struct config *c, const struct given *given, size_t count, char *const *env, char *error,
		     size_t size)
{
	char name[OPTION_ENVIRONMENT_MAX], reason[REASON_MAX];

	for (const struct option_info *o = option_table; o->flag; o++) {
		const char *path =
		    o->type == OPTION_CONFIG_FILE ? environment_find(env, option_environment(o, name)) : NULL;
		if (path && option_assign(c, o, path, reason) < 0)
			return config_error(error, size, "%s: %s", name, reason);
	}
	for (size_t i = 0; i < count; i++) {
		enum option_type type = given[i].option->type;
		if (type != OPTION_CONFIG_FILE && type != OPTION_ACTION)
			continue;
		int r = flags_apply(c, &given[i], 1, error, size);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Apply file, environment and flags, each over the ones before. */
static int load(struct config *c, struct given *given, int argc, char *const *argv, char *const *env,
		char *error, size_t size)
{
	size_t count = 0;

	int r = flags_read(given, &count, argc, argv, error, size);
	if (r == 0)
		r = bootstrap(c, given, count, env, error, size);
	if (r < 0 || c->print_help || c->print_version)
		return r;
	if (*c->config_file)
		r = file_apply(c, error, size);
	if (r == 0)
		r = environment_apply(c, env, error, size);
	if (r == 0)
		r = flags_apply(c, given, count, error, size);
	if (r == 0)
		r = config_settle(c, error, size);
	if (r == 0)
		r = config_check(c, error, size);
	if (r < 0)
		return r;
	environment_warn_unknown(env);
	no_effect_warn(c);
	return 0;
}

int config_load_from(struct config *c, int argc, char *const *argv, char *const *env, char *error,
		     size_t size)
{
	struct given *given = calloc(argc > 0 ? (size_t)argc : 1, sizeof(*given));

	if (!given) {
		config_error_write(error, size, "out of memory");
		return -ENOMEM;
	}
	int r = load(c, given, argc, argv, env, error, size);
	free(given);
	return r;
}

int config_load(struct config *c, int argc, char *const *argv, char *error, size_t size)
{
	return config_load_from(c, argc, argv, environ, error, size);
}
