/* SPDX-License-Identifier: MIT */
#include "vmrun/access.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

static const char console[] = "console";

static const char *name_of(const json_t *port)
{
	return json_string_value(json_object_get(port, "name"));
}

static int number_of(const json_t *port, const char *side)
{
	return (int)json_integer_value(json_object_get(port, side));
}

/* Return the width of the longest name, which aligns the addresses. */
static int name_width(const json_t *ports)
{
	size_t width = strlen(console), i;
	const json_t *p;

	json_array_foreach(ports, i, p)
	{
		if (strlen(name_of(p)) > width)
			width = strlen(name_of(p));
	}
	return (int)width;
}

/* Return the port named by {NAME} at the beginning of text, or NULL. */
static const json_t *port_named(const json_t *ports, const char *text)
{
	size_t i;
	const json_t *p;

	if (*text != '{')
		return NULL;
	json_array_foreach(ports, i, p)
	{
		size_t len = strlen(name_of(p));
		if (strncmp(text + 1, name_of(p), len) == 0 && text[1 + len] == '}')
			return p;
	}
	return NULL;
}

static void print_command(struct progress *progress, const json_t *ports, const char *command)
{
	struct buf text = {0};

	for (const char *at = command; *at;) {
		const json_t *p = port_named(ports, at);
		if (p)
			buf_printf(&text, "%d", number_of(p, "host"));
		else
			buf_byte(&text, (uint8_t)*at);
		at += p ? strlen(name_of(p)) + 2 : 1;
	}
	if (text.len && buf_ok(&text))
		progress_line(progress, "try: %s", buf_cstr(&text));
	buf_free(&text);
}

void access_print(struct progress *progress, int console_port, const json_t *ports, const char *command)
{
	int width = name_width(ports);
	size_t i;
	const json_t *p;

	if (console_port > 0)
		progress_line(progress, "  %-*s nc 127.0.0.1 %d   (then ENTER)", width, console,
			      console_port);
	json_array_foreach(ports, i, p)
	{
		progress_line(progress, "  %-*s 127.0.0.1:%d -> guest port %d", width, name_of(p),
			      number_of(p, "host"), number_of(p, "guest"));
	}
	if (command)
		print_command(progress, ports, command);
}
