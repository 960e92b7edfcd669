/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_STATUS_H
#define CLICKHOUSE_STATUS_H
/*
 * Maps the engine's exceptions and formats as ClickHouse's HTTP interface does: to the
 * number of the exception, the HTTP status and the Content-Type. Pure.
 */
#include "base/str.h"

/* "Code: 60. DB::Exception: ... (UNKNOWN_TABLE)" -> 60; 0 for another text. */
unsigned status_code(const char *exception);

/* The same text -> 404; 500 for a name without a row of its own. */
unsigned status_http(const char *exception);

/* "JSONEachRow" -> "application/x-ndjson; charset=UTF-8". Static storage. */
const char *status_content_type(struct str format);

#endif
