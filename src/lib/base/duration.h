/* SPDX-License-Identifier: MIT */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H
/*
 * Durations as Go's time.ParseDuration writes them: "10s", "250ms", "1h30m",
 * "1.5s"; units ns, us, ms, s, m, h. A bare "0" is zero; any other number
 * without a unit is refused.
 */
#include <stddef.h>
#include <stdint.h>

/* Parse into nanoseconds. Return 0, -EINVAL (not a duration, or negative) or -ERANGE. */
int duration_parse(const char *text, int64_t *ns);

/* The longest text duration_format() writes, with its NUL. */
#define DURATION_TEXT_MAX 40

/* Write the shortest such text ("1h30m", "250ms", "0s") and return buf. */
char *duration_format(int64_t ns, char buf[static DURATION_TEXT_MAX]);

#endif
