/* SPDX-License-Identifier: MIT */
#include "record_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "findings.h"

#define ROWS_MAX 4096 /* sockets of the namespaces wanted */

/* The last attribute that records have fields for: bits of inet_diag_attributes. */
#define ATTRIBUTES_KNOWN 22 /* INET_DIAG_SOCKOPT */

static char *table, *header[512];
static struct record_row rows[ROWS_MAX];
static size_t columns, row_count;
static char *cells[ROWS_MAX * 256];

void record_table_parse(char *text, const char *log, bool (*wanted)(const char *netns))
{
	char *save, *line;
	size_t used = 0;

	free(table);
	table = text;
	columns = row_count = 0;
	line = strtok_r(table, "\n", &save);
	if (!line)
		die("the daemon wrote no records (its log: %s)", log);
	for (char *c = line; c && columns < ARRAY_SIZE(header); columns++)
		header[columns] = strsep(&c, "\t");
	while ((line = strtok_r(NULL, "\n", &save))) {
		if (row_count == ROWS_MAX || used + columns > ARRAY_SIZE(cells))
			die("more than %zu records", row_count);
		rows[row_count].cell = &cells[used];
		for (size_t i = 0; i < columns; i++)
			cells[used + i] = line ? strsep(&line, "\t") : "";
		if (!wanted(record_cell(&rows[row_count], "netns")))
			continue;
		used += columns;
		row_count++;
	}
}

size_t record_table_count(void)
{
	return row_count;
}

const struct record_row *record_table_row(size_t i)
{
	return &rows[i];
}

/* The column of a field. Where it was found last is tried first: a comparison asks for the same fields of each record. */
static size_t column_of(const char *field)
{
	static struct {
		const char *field;
		size_t column;
	} found[1024];
	size_t slot = (uintptr_t)field / 4 % ARRAY_SIZE(found);

	if (found[slot].field == field && found[slot].column < columns &&
	    !strcmp(header[found[slot].column], field))
		return found[slot].column;
	for (size_t i = 0; i < columns; i++) {
		if (strcmp(header[i], field) != 0)
			continue;
		found[slot].field = field;
		found[slot].column = i;
		return i;
	}
	die("the daemon has no column %s", field);
}

const char *record_cell(const struct record_row *row, const char *field)
{
	return row->cell[column_of(field)];
}

const struct record_row *record_of(const char *netns, uint64_t cookie)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)cookie);
	for (size_t i = 0; i < row_count; i++)
		if (!strcmp(record_cell(&rows[i], "inet_diag_msg_socket_cookie"), text) &&
		    !strcmp(record_cell(&rows[i], "netns"), netns))
			return &rows[i];
	return NULL;
}

uint64_t record_table_unknown_attributes(void)
{
	uint64_t all = 0;

	for (size_t i = 0; i < row_count; i++)
		all |= strtoull(record_cell(&rows[i], "inet_diag_attributes"), NULL, 10);
	return all >> (ATTRIBUTES_KNOWN + 1) << (ATTRIBUTES_KNOWN + 1);
}
