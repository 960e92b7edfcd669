/* SPDX-License-Identifier: MIT */
#include "clickhouse/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/cleanup.h"

/* Exception name -> HTTP status, as the HTTP handler of ClickHouse maps them. */
static const struct {
	const char *name;
	unsigned status;
} status_table[] = {
    {"REQUIRED_PASSWORD", 401},
    {"UNKNOWN_USER", 403},
    {"WRONG_PASSWORD", 403},
    {"AUTHENTICATION_FAILED", 403},
    {"SET_NON_GRANTED_ROLE", 403},
    {"ACCESS_DENIED", 403},
    {"BAD_ARGUMENTS", 400},
    {"CANNOT_COMPILE_REGEXP", 400},
    {"CANNOT_PARSE_TEXT", 400},
    {"CANNOT_PARSE_ESCAPE_SEQUENCE", 400},
    {"CANNOT_PARSE_QUOTED_STRING", 400},
    {"CANNOT_PARSE_DATE", 400},
    {"CANNOT_PARSE_DATETIME", 400},
    {"CANNOT_PARSE_NUMBER", 400},
    {"CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING", 400},
    {"CANNOT_PARSE_IPV4", 400},
    {"CANNOT_PARSE_IPV6", 400},
    {"CANNOT_PARSE_INPUT_ASSERTION_FAILED", 400},
    {"CANNOT_PARSE_UUID", 400},
    {"DUPLICATE_COLUMN", 400},
    {"ILLEGAL_COLUMN", 400},
    {"THERE_IS_NO_COLUMN", 400},
    {"UNKNOWN_ELEMENT_IN_AST", 400},
    {"UNKNOWN_TYPE_OF_AST_NODE", 400},
    {"TOO_DEEP_AST", 400},
    {"TOO_BIG_AST", 400},
    {"UNEXPECTED_AST_STRUCTURE", 400},
    {"VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", 400},
    {"SYNTAX_ERROR", 400},
    {"INCORRECT_DATA", 400},
    {"TYPE_MISMATCH", 400},
    {"UNKNOWN_TABLE", 404},
    {"UNKNOWN_FUNCTION", 404},
    {"UNKNOWN_IDENTIFIER", 404},
    {"UNKNOWN_TYPE", 404},
    {"UNKNOWN_STORAGE", 404},
    {"UNKNOWN_DATABASE", 404},
    {"UNKNOWN_SETTING", 404},
    {"UNKNOWN_DIRECTION_OF_SORTING", 404},
    {"UNKNOWN_AGGREGATE_FUNCTION", 404},
    {"UNKNOWN_FORMAT", 404},
    {"UNKNOWN_DATABASE_ENGINE", 404},
    {"UNKNOWN_TYPE_OF_QUERY", 404},
    {"UNKNOWN_ROLE", 404},
    {"QUERY_IS_TOO_LARGE", 413},
    {"NOT_IMPLEMENTED", 501},
    {"SOCKET_TIMEOUT", 503},
    {"CANNOT_OPEN_FILE", 503},
    {"CANNOT_SCHEDULE_TASK", 503},
    {"HTTP_LENGTH_REQUIRED", 411},
    {"TIMEOUT_EXCEEDED", 408},
    {"UNSUPPORTED_MEDIA_TYPE", 415},
};

unsigned status_code(const char *exception)
{
	unsigned code = 0;

	return sscanf(exception, "Code: %u.", &code) == 1 ? code : 0;
}

/*
 * Return the name of the exception, the last "(IN_CAPITALS)": names of nested exceptions
 * may precede it, "(version 26.7.2.1)" may follow. Empty without one.
 */
static struct str exception_name(const char *exception)
{
	struct str name = {NULL, 0};

	for (const char *p = strchr(exception, '('); p; p = strchr(p + 1, '(')) {
		size_t n = strspn(p + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		if (n && p[1 + n] == ')')
			name = (struct str){p + 1, (uint32_t)n};
	}
	return name;
}

unsigned status_http(const char *exception)
{
	struct str name = exception_name(exception);

	for (size_t i = 0; name.len && i < ARRAY_SIZE(status_table); i++)
		if (strlen(status_table[i].name) == name.len &&
		    !memcmp(status_table[i].name, name.p, name.len))
			return status_table[i].status;
	return 500;
}

/* Prefix of the format -> Content-Type; the first match counts. */
static const struct {
	const char *prefix, *type;
} content_types[] = {
    {"JSONEachRow", "application/x-ndjson; charset=UTF-8"},
    {"JSONStringsEachRow", "application/x-ndjson; charset=UTF-8"},
    {"JSONCompactEachRow", "application/x-ndjson; charset=UTF-8"},
    {"JSONCompactStringsEachRow", "application/x-ndjson; charset=UTF-8"},
    {"JSON", "application/json; charset=UTF-8"},
    {"CSV", "text/csv; charset=UTF-8"},
    {"TabSeparated", "text/tab-separated-values; charset=UTF-8"},
    {"TSV", "text/tab-separated-values; charset=UTF-8"},
    {"XML", "application/xml; charset=UTF-8"},
    {"Native", "application/octet-stream"},
    {"RowBinary", "application/octet-stream"},
    {"Parquet", "application/octet-stream"},
    {"Arrow", "application/octet-stream"},
    {"ORC", "application/octet-stream"},
    {"Avro", "application/octet-stream"},
    {"MsgPack", "application/octet-stream"},
    {"Protobuf", "application/octet-stream"},
};

const char *status_content_type(struct str format)
{
	for (size_t i = 0; i < ARRAY_SIZE(content_types); i++) {
		size_t n = strlen(content_types[i].prefix);
		if (format.len >= n && strncasecmp(format.p, content_types[i].prefix, n) == 0)
			return content_types[i].type;
	}
	return "text/plain; charset=UTF-8";
}
