/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_SQL_H
#define CLICKHOUSE_SQL_H
/*
 * The part of SQL that the HTTP interface parses itself: the end of a statement, the
 * beginning and format of an INSERT's data, and the FORMAT of a query. Pure functions
 * over borrowed text; the engine's parser handles everything else.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum sql_head_state {
	SQL_HEAD_QUERY,	 /* no data follows: the text is the statement */
	SQL_HEAD_INSERT, /* the fields below are set */
	SQL_HEAD_MORE,	 /* more of the text is needed */
};

struct sql_head {
	struct str statement; /* INSERT INTO t (a, b), without FORMAT or VALUES */
	struct str settings;  /* "SETTINGS a = 1" if it follows FORMAT, else empty */
	struct str format;    /* "Values" for VALUES; empty when the statement names none */
	size_t data;	      /* offset of the data in the text */
};

/* Parse the beginning of a statement. `complete`: no more text will follow. */
enum sql_head_state sql_head_parse(const char *text, size_t len, bool complete, struct sql_head *head);

/* Return the name in the FORMAT clause of a query, empty without one. */
struct str sql_output_format(const char *text, size_t len);

/*
 * Get the next statement of a script, without comments and white space around it, and
 * advance *pos past its ";". Return false at the end.
 */
bool sql_next_statement(const char *text, size_t len, size_t *pos, struct str *statement);

/*
 * Return whether the text may access a file without the engine's access control: INTO OUTFILE, FROM INFILE
 * and the function file(). True if one of these words is outside of a string literal; anywhere, if the text
 * has a comment, a heredoc or quotes that only the engine's lexer interprets reliably. An unnecessary refusal
 * is harmless.
 */
bool sql_names_files(const char *text, size_t len);

#endif
