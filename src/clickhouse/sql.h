/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_SQL_H
#define CLICKHOUSE_SQL_H
/*
 * As much SQL as the HTTP interface has to understand by itself: where a
 * statement ends, where the data of an INSERT begins and in which format, and
 * which FORMAT a query asks for. Pure functions over borrowed text; everything
 * else is the engine's parser's business.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum sql_head_state {
	SQL_HEAD_QUERY,	 /* no data follows: the text is the statement */
	SQL_HEAD_INSERT, /* the fields below are set */
	SQL_HEAD_MORE,	 /* cannot be told before more of the text is there */
};

struct sql_head {
	struct str statement; /* INSERT INTO t (a, b), without FORMAT or VALUES */
	struct str settings;  /* "SETTINGS a = 1" when it stood after FORMAT, else empty */
	struct str format;    /* "Values" for VALUES; empty when the statement names none */
	size_t data;	      /* offset in the text at which the data begins */
};

/* `complete`: no more text will follow. */
enum sql_head_state sql_head_parse(const char *text, size_t len, bool complete, struct sql_head *head);

/* The name in the FORMAT clause of a query, empty without one. */
struct str sql_output_format(const char *text, size_t len);

/*
 * The next statement of a script: advances *pos past its ";". Comments and white
 * space around it are left out. False at the end.
 */
bool sql_next_statement(const char *text, size_t len, size_t *pos, struct str *statement);

/*
 * Whether the text may read or write a file where the engine's access control does not look: INTO OUTFILE, FROM
 * INFILE and the function file(). True whenever one of these words stands outside of a string literal, and
 * wherever it stands when the text has a comment, a heredoc or quotes of a kind that only the engine's lexer
 * knows well enough: to be refused too often is no harm.
 */
bool sql_names_files(const char *text, size_t len);

#endif
