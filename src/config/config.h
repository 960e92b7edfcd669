/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H
/*
 * The effective configuration: one struct whose members are expanded from
 * options.def, filled in this order, later over earlier: default, JSON file
 * (-config), environment, flags. Immutable once the daemon runs, except the two
 * poll times that gRPC may set.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum option_type {
	OPTION_BOOL,
	OPTION_U32,
	OPTION_U64,
	OPTION_DURATION, /* int64_t nanoseconds */
	OPTION_STRING,	 /* char *, never NULL, owned by the config */
};

#define OPTION_CTYPE_BOOL     bool
#define OPTION_CTYPE_U32      uint32_t
#define OPTION_CTYPE_U64      uint64_t
#define OPTION_CTYPE_DURATION int64_t
#define OPTION_CTYPE_STRING   char *

struct config {
#define OPTION(flag, member, TYPE, ...) OPTION_CTYPE_##TYPE member;
#define OPTION_GROUP(title)
#include "config/options.def"
#undef OPTION
#undef OPTION_GROUP
};

struct option_info {
	const char *flag; /* "frequency": flag, JSON key; the environment variable derives from it */
	enum option_type type;
	size_t offset;		   /* in struct config */
	const char *default_text;  /* as a user would write it */
	const char *min, *max;	   /* same form; "" for no limit */
	const char *environment;   /* "XTCP_FREQUENCY" */
	uint32_t proto_field;	   /* in xtcp_config.v1.XtcpConfig, 0 for none */
	const char *group;	   /* heading in -help */
	const char *help;
};

/* Ends with flag NULL. */
extern const struct option_info option_table[];

/* All defaults. 0 or -ENOMEM. */
int config_init(struct config *c);
void config_free(struct config *c);

/* Sets one option from text, checking type and range. 0 or -EINVAL with one clear line in error. */
int config_set(struct config *c, const struct option_info *option, const char *text, char *error, size_t size);
/* Finds by flag name, exact. NULL when there is none. */
const struct option_info *option_find(const char *flag);
/* The value as a user would write it, appended to b. */
void config_get_text(const struct config *c, const struct option_info *option, struct buf *b);

/*
 * Reads the file (of -config), the environment and argv in that order of
 * precedence and checks what spans several options (frequency > timeout, ...).
 * Single and double dash, "-flag value" and "-flag=value"; a bool flag takes no
 * separate value. Returns 0 or -EINVAL with one clear line in error.
 */
int config_load(struct config *c, int argc, char *const *argv, char *error, size_t size);
int config_load_json(struct config *c, const char *json, size_t len, char *error, size_t size);
/* Checks across options only; config_load() calls it. */
int config_check(const struct config *c, char *error, size_t size);

/* The effective configuration as a JSON object, one key an option, readable by -config; credentials empty. */
void config_to_json(const struct config *c, struct buf *b);

/* -help, the man page (mdoc or man macros), shell completions and the Markdown table: all from option_table. */
void config_help(struct buf *b);
void config_man(struct buf *b);
void config_markdown(struct buf *b);
void config_bash_completion(struct buf *b);

#endif
