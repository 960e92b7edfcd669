/* SPDX-License-Identifier: MIT */
#include "filter/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Longest line read; the rest of a longer one reads as a line of its own. */
#define LINE_BYTES 512

/* "https 443/tcp www # comment": whether it names the service. */
static bool line_is(char *line, const char *name, uint32_t *port)
{
	static const char blanks[] = " \t\n";
	char *save = NULL;

	line[strcspn(line, "#")] = '\0';
	char *first = strtok_r(line, blanks, &save), *number = strtok_r(NULL, blanks, &save);
	char *end = NULL;
	if (!number)
		return false;
	unsigned long value = strtoul(number, &end, 10);
	if (strcmp(end, "/tcp") != 0 || value > UINT16_MAX)
		return false;
	*port = (uint32_t)value;
	for (const char *alias = first; alias; alias = strtok_r(NULL, blanks, &save)) {
		if (strcmp(alias, name) == 0)
			return true;
	}
	return false;
}

bool service_port(const char *name, uint32_t *port)
{
	FILE *file = fopen("/etc/services", "re");
	char line[LINE_BYTES];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = line_is(line, name, port);
	if (file)
		fclose(file);
	return found;
}
