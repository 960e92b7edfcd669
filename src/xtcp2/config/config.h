/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H
/*
 * The effective configuration: one struct whose members are expanded from
 * options.def, filled in this order, later over earlier: default, JSON file
 * (-config), environment, flags. Immutable once the daemon runs, except the two
 * poll times that gRPC may set. Errors are one clear line without a newline and
 * without the program's name: main prints "xtcp2: %s\n" and ends with status 2.
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
	OPTION_LEVEL,	 /* uint32_t: a name or number of base/log.h */
	OPTION_STRING,	 /* char *, never NULL, owned by the config; UTF-8, as all strings */
	OPTION_CHOICE,	 /* a string: one of the words of min */
	OPTION_LIST,	 /* a string: items separated by commas; blanks around them are dropped */
	OPTION_FILE,	 /* a string: a file to read, by the rule of secret_file_path() */
	OPTION_PROPERTIES, /* a string in the form of base/properties.h; later values are merged into earlier ones */
	OPTION_ACTION,	    /* a bool of the command line only: -conf, -help */
	OPTION_CONFIG_FILE, /* a string, but not a key of the file: a file cannot name another */
};

#define OPTION_CTYPE_BOOL	 bool
#define OPTION_CTYPE_U32	 uint32_t
#define OPTION_CTYPE_U64	 uint64_t
#define OPTION_CTYPE_DURATION	 int64_t
#define OPTION_CTYPE_LEVEL	 uint32_t
#define OPTION_CTYPE_STRING	 char *
#define OPTION_CTYPE_CHOICE	 char *
#define OPTION_CTYPE_LIST	 char *
#define OPTION_CTYPE_FILE	 char *
#define OPTION_CTYPE_PROPERTIES	 char *
#define OPTION_CTYPE_ACTION	 bool
#define OPTION_CTYPE_CONFIG_FILE char *

struct config {
#define OPTION(flag, member, TYPE, ...) OPTION_CTYPE_##TYPE member;
#define OPTION_GROUP(title)
#include "control/options.def"
#undef OPTION
#undef OPTION_GROUP
};

struct option_info {
	const char *flag; /* "frequency": flag, JSON key; the environment variable derives from it */
	enum option_type type;
	size_t offset;		  /* in struct config */
	const char *default_text; /* as a user writes it */
	const char *min, *max;	  /* same form; "" for no limit; min of a CHOICE: "on|log|off" */
	uint32_t proto_field;	  /* in xtcp_config.v1.XtcpConfig, 0 for none */
	uint32_t line;		  /* in options.def; determines the group */
	const char *help;
};

/* Ends with flag NULL. */
extern const struct option_info option_table[];

/* Find an option by its exact flag name. NULL when there is none. */
const struct option_info *option_find(const char *flag);
/* Return the option's heading in -help. */
const char *option_group(const struct option_info *option);
/* Write the option's environment variable ("XTCP_FREQUENCY") into name; "" when it has none. Return name. */
#define OPTION_ENVIRONMENT_MAX 64
char *option_environment(const struct option_info *option, char name[static OPTION_ENVIRONMENT_MAX]);

/* Set all defaults. Return 0 or -ENOMEM; config_free() is valid after either, and for a zeroed struct. */
int config_init(struct config *c);
void config_free(struct config *c);
/* Copy deeply into `to`, ignoring its former content. Return 0, or -ENOMEM with `to` zeroed. */
int config_copy(struct config *to, const struct config *from);

/* Set one option from text, checking type and range. Return 0, -EINVAL or -ENOMEM with one line in error. */
int config_set(struct config *c, const struct option_info *option, const char *text, char *error,
	       size_t size);
/* Append the value to b as a user writes it. */
void config_get_text(const struct config *c, const struct option_info *option, struct buf *b);
/* The same without credentials, for logs and other users. */
void config_get_public_text(const struct config *c, const struct option_info *option, struct buf *b);

/*
 * Read the file (of -config), the environment and argv, each over the ones
 * before, and check conditions between options (frequency > timeout, ...).
 * Single and double dash, "-flag value" and "-flag=value"; a bool flag takes no
 * separate value. With -help or -v ignore everything else. Warn in the log about
 * XTCP_ variables that are not options and options that have no effect.
 * Return 0, or -EINVAL or -ENOMEM with one line in error.
 */
int config_load(struct config *c, int argc, char *const *argv, char *error, size_t size);
/* The same with another environment than that of the process, "NAME=VALUE" strings that NULL ends. */
int config_load_from(struct config *c, int argc, char *const *argv, char *const *env, char *error,
		     size_t size);
/* Tell whether the option holds a string of any kind. */
bool option_is_string(const struct option_info *option);
int config_load_json(struct config *c, const char *json, size_t len, char *error, size_t size);
/* Check conditions between options; config_load() calls it. */
int config_check(const struct config *c, char *error, size_t size);

/*
 * Read the secrets that files hold: insert the password of -destPasswordFile into c->dest, put -kafkaConfigFile
 * below and -kafkaPasswordFile into c->kafka_config, and clear these options; once, before capabilities are
 * dropped. Return 0, or -EINVAL with one line in error.
 */
int config_secrets(struct config *c, char *error, size_t size);
/* Tell whether -kafkaConfig has a secret. */
bool config_kafka_secret(const struct config *c);

/* Write the effective configuration as a JSON object, one key per option, as -config reads it; credentials
 * empty. */
void config_to_json(const struct config *c, struct buf *b);
/* The same with credentials, of the options that differ from their defaults. */
void config_to_private_json_changes(const struct config *c, struct buf *b);
/* The same with credentials, for the process after a restart in place. */
void config_to_private_json(const struct config *c, struct buf *b);

#endif
