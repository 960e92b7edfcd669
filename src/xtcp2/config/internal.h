/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_INTERNAL_H
#define CONFIG_INTERNAL_H
/* Shared by the files of this stage only. */
#include <errno.h>
#include <stddef.h>

#include "config/config.h"

/* The group whose options are read, checked and then ignored. */
#define OPTION_GROUP_NO_EFFECT "Accepted for compatibility, no effect"

/* Enough for any "must be ..." sentence. */
#define REASON_MAX 192

/* Sets one option. On failure `reason` says what the value must be, without naming option or value. */
int option_assign(struct config *c, const struct option_info *option, const char *text,
		  char reason[static REASON_MAX]);

/* What its value is called in help and messages: "duration", "number"...; NULL for one without a value. */
const char *option_value_name(const struct option_info *option);

/* The flag closest to a name that is none; NULL when nothing is near. */
const char *option_suggest(const char *name);

/*
 * Writes an error line, with control characters (of a hostile value) made
 * visible as '?', so that it stays one line. config_error() is that and -EINVAL;
 * a macro, so that static analysis sees that the result is an error.
 */
void config_error_write(char *error, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define config_error(...) (config_error_write(__VA_ARGS__), -EINVAL)

#endif
