/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_ACCESS_H
#define CLICKHOUSE_ACCESS_H
/*
 * Access control inside the engine: its own roles and constraints on settings, in files that it reads when it
 * is opened. The engine has one user; a session takes one of these sets of roles for its single statement:
 *
 *   reader  SELECT and SHOW, and readonly=1
 *   owner   tables and their data as well, but nothing outside of the database: no files, URLs, executables or
 *           other hosts. With files, the table function file() too.
 *   (start) all that and the Kafka engine, for the tables of this program
 */
#include <limits.h>
#include <stdbool.h>

#include "base/buf.h"

/* Longest path of a file that access_write() writes. */
#define ACCESS_PATH_MAX (PATH_MAX - 64)

enum access_role { ACCESS_READER, ACCESS_OWNER };

struct access_rules {
	uint32_t max_query_seconds;
	bool files; /* the owner may use file() */
	bool kafka; /* the tables of the start include Kafka tables */
};

/* Write DATA/settings/config.xml and users.xml; set config to the path of the first. 0 or -errno with
 * error. */
int access_write(const char *data, const struct access_rules *rules, char config[static ACCESS_PATH_MAX],
		 struct buf *error);

/* Return the statement that gives a session its roles. Static storage. */
const char *access_roles(enum access_role role, bool files);

#endif
