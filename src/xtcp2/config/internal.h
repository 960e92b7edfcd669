/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_INTERNAL_H
#define CONFIG_INTERNAL_H
/* Shared by the files of this stage only. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/* The group of options that are parsed, checked and ignored. */
#define OPTION_GROUP_NO_EFFECT "Accepted for compatibility, no effect"

/* Size of the longest "must be ..." sentence. */
#define REASON_MAX 192

/* Set one option. On failure write into `reason` which values are valid, without naming option or value. */
int option_assign(struct config *c, const struct option_info *option, const char *text,
		  char reason[static REASON_MAX]);

/* Tell whether an error may quote the value: not that of a string, which may hold a password or bytes of any kind. */
bool option_shows_value(const struct option_info *option);

/* Return the name of the value in help and messages: "duration", "number"...; NULL for an option without one. */
const char *option_value_name(const struct option_info *option);

/* Find the option of an environment variable; NULL when there is none. The other: one that may have been meant. */
const struct option_info *option_of_environment(const char *name);
const struct option_info *option_suggest_environment(const char *name);

/* Bring values to the form that the rest of the program reads: split a port off -grpcListen. Return as config_check(). */
int config_settle(struct config *c, char *error, size_t size);

/* Return the flag closest to an unknown name; NULL when none is near. */
const char *option_suggest(const char *name);

/*
 * Write an error line, with control characters and what is not UTF-8 (of a hostile
 * value) replaced by '?', so that it stays one line. config_error() does so and is -EINVAL; it is a
 * macro so that static analysis sees that the result is an error.
 */
void config_error_write(char *error, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define config_error(...) (config_error_write(__VA_ARGS__), -EINVAL)

#endif
