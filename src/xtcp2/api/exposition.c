/* SPDX-License-Identifier: MIT */
#include "api/exposition.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define OPENMETRICS "application/openmetrics-text"

/* By type: the word in each format, and what samples add to the name of the family. */
static const struct {
	const char *text, *openmetrics, *suffix;
} types[] = {
    [EXPOSITION_COUNTER] = {"counter", "counter", "_total"}, [EXPOSITION_GAUGE] = {"gauge", "gauge", ""},
    [EXPOSITION_HISTOGRAM] = {"histogram", "histogram", ""}, [EXPOSITION_INFO] = {"gauge", "info", "_info"},
    [EXPOSITION_UNTYPED] = {"untyped", "unknown", ""},
};
static_assert(ARRAY_SIZE(types) == EXPOSITION_MAX_, "a word for each type");

/* Units of the families; a family that has one ends in it. */
static const char *const units[] = {"seconds", "bytes", "ratio"};

/* Return the unit of the name, NULL for none. */
static const char *unit_of(const char *name)
{
	const char *end = strrchr(name, '_');

	for (size_t i = 0; end && i < ARRAY_SIZE(units); i++)
		if (strcmp(end + 1, units[i]) == 0)
			return units[i];
	return NULL;
}

static void line(struct exposition *e, const char *what, const char *name, const char *suffix,
		 const char *rest)
{
	const char *const parts[] = {"# ", what, " ", name, suffix, " ", rest, "\n"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		buf_str(e->out, parts[i]);
}

void exposition_family(struct exposition *e, const char *name, enum exposition_type type, const char *help)
{
	const char *suffix = e->openmetrics ? "" : types[type].suffix;

	line(e, "HELP", name, suffix, help);
	line(e, "TYPE", name, suffix, e->openmetrics ? types[type].openmetrics : types[type].text);
	if (e->openmetrics && unit_of(name))
		line(e, "UNIT", name, "", unit_of(name));
}

void exposition_label(struct exposition *e, const char *name, struct str value)
{
	buf_str(e->out, name);
	buf_str(e->out, "=\"");
	for (uint32_t i = 0; i < value.len; i++) {
		char c = value.p[i];
		if (c == '\n')
			buf_str(e->out, "\\n");
		else if (c == '"' || c == '\\')
			buf_printf(e->out, "\\%c", c);
		else
			buf_byte(e->out, (uint8_t)c);
	}
	buf_byte(e->out, '"');
}

void exposition_end(struct exposition *e)
{
	if (e->openmetrics)
		buf_str(e->out, "# EOF\n");
}

/* One range of media types of the header: "text/plain; version=0.0.4; q=0.5". */
struct range {
	struct str type, version; /* version: empty for any */
	double quality;
};

static struct str trimmed(const char *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\t'))
		p++, len--;
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t' || p[len - 1] == '"'))
		len--;
	return (struct str){p, (uint32_t)len};
}

static bool is(struct str s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* Read a parameter of a range. */
static void take_parameter(struct range *r, struct str parameter)
{
	const char *equals = memchr(parameter.p, '=', parameter.len);

	if (!equals)
		return;
	size_t at = (size_t)(equals - parameter.p) + 1;
	struct str name = trimmed(parameter.p, at - 1), value = trimmed(parameter.p + at, parameter.len - at);
	char number[16];

	if (value.len > 0 && *value.p == '"')
		value.p++, value.len--;
	if (is(name, "version"))
		r->version = value;
	if (!is(name, "q"))
		return;
	size_t len = value.len < sizeof(number) - 1 ? value.len : sizeof(number) - 1;
	memcpy(number, value.p, len);
	number[len] = '\0';
	r->quality = strtod(number, NULL);
}

/* Read the range at *p up to the comma after it, and move *p beyond. */
static struct range next_range(const char **p)
{
	struct range r = {.quality = 1};
	size_t len = strcspn(*p, ",;");

	r.type = trimmed(*p, len);
	*p += len;
	while (**p == ';') {
		len = strcspn(++*p, ",;");
		take_parameter(&r, trimmed(*p, len));
		*p += len;
	}
	*p += **p == ',';
	return r;
}

bool exposition_wants_openmetrics(const char *accept)
{
	double openmetrics = 0, text = 0;

	while (accept && *accept) {
		struct range r = next_range(&accept);
		if (is(r.type, OPENMETRICS) && (r.version.len == 0 || is(r.version, "1.0.0"))) {
			if (r.quality > openmetrics)
				openmetrics = r.quality;
		} else if (is(r.type, "text/plain") && r.quality > text) {
			text = r.quality;
		}
	}
	return openmetrics > 0 && openmetrics >= text;
}
