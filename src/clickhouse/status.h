/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_STATUS_H
#define CLICKHOUSE_STATUS_H
/*
 * What ClickHouse's HTTP interface makes of the engine's exceptions and formats:
 * the number of the exception, the HTTP status and the Content-Type. Pure.
 */
#include "base/str.h"

/* "Code: 60. DB::Exception: ... (UNKNOWN_TABLE)" -> 60; 0 when there is no such beginning. */
unsigned status_code(const char *exception);

/* The same text -> 404; 500 for a name that has no row of its own. */
unsigned status_http(const char *exception);

/* "JSONEachRow" -> "application/x-ndjson; charset=UTF-8". Static storage. */
const char *status_content_type(struct str format);

#endif
