/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_RECORD_TABLE_H
#define TOOLS_RECORD_TABLE_H
/* The records of one poll, as the daemon wrote them with -marshal tsv. There is one table; errors end the process. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_row {
	char **cell;
};

/*
 * Replace the table by the rows of this text whose namespace is wanted; the machine may have any number of others.
 * The table owns the text and changes it. `log` names the daemon's log in errors.
 */
void record_table_parse(char *text, const char *log, bool (*wanted)(const char *netns));

size_t record_table_count(void);
const struct record_row *record_table_row(size_t i);

/* Return the text of a field of the row; the daemon must have such a column. */
const char *record_cell(const struct record_row *row, const char *field);

/* Return the record of the socket with this cookie in the namespace of this name, or NULL. */
const struct record_row *record_of(const char *netns, uint64_t cookie);

/* The numbers of the attributes that some record had and that records have no fields for, as bits. */
uint64_t record_table_unknown_attributes(void);

#endif
