/* SPDX-License-Identifier: MIT */
#include "base/duration.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
    {"h", 3600 * NS_PER_SEC}, {"m", 60 * NS_PER_SEC}, {"s", NS_PER_SEC},
    {"ms", NS_PER_MS},	      {"us", 1000},	      {"ns", 1},
};

/* Consume a unit at *p; return its length in ns, or 0 when there is none. */
static int64_t unit_parse(const char **p)
{
	size_t len = 0;

	while (isalpha((unsigned char)(*p)[len]))
		len++;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) == len && memcmp(units[i].name, *p, len) == 0) {
			*p += len;
			return units[i].ns;
		}
	}
	return 0;
}

/* Parse one "number unit" pair at *p and add it to *total. */
static int pair_parse(const char **p, int64_t *total)
{
	int64_t whole = 0, fraction = 0, scale = 1;
	bool digits = false;

	for (; isdigit((unsigned char)**p); (*p)++, digits = true) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, **p - '0', &whole))
			return -ERANGE;
	}
	if (**p == '.') {
		for ((*p)++; isdigit((unsigned char)**p); (*p)++, digits = true) {
			/* Nine digits reach a nanosecond of a second; finer ones are cut. */
			if (scale < NS_PER_SEC) {
				fraction = fraction * 10 + (**p - '0');
				scale *= 10;
			}
		}
	}
	int64_t unit = digits ? unit_parse(p) : 0;
	if (!unit)
		return -EINVAL;

	int64_t ns;
	if (__builtin_mul_overflow(whole, unit, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)((__int128)fraction * unit / scale), &ns) ||
	    __builtin_add_overflow(*total, ns, total))
		return -ERANGE;
	return 0;
}

int duration_parse(const char *text, int64_t *ns)
{
	int64_t total = 0;

	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		int r = pair_parse(&text, &total);
		if (r < 0)
			return r;
	}
	*ns = total;
	return 0;
}

char *duration_format(int64_t ns, char buf[static DURATION_TEXT_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int64_t count = ns / units[i].ns;
		if (count > 0) {
			n += snprintf(buf + n, DURATION_TEXT_MAX - n, "%lld%s", (long long)count,
				      units[i].name);
			ns -= count * units[i].ns;
		}
	}
	if (n == 0)
		strcpy(buf, "0s");
	return buf;
}
