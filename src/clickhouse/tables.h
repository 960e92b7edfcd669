/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_TABLES_H
#define CLICKHOUSE_TABLES_H
/*
 * The tables of pipeline/clickhouse/sql and the record schema, which the binary
 * carries. At every start the schema file is written and the statements are run:
 * they are made to be repeated, so a newer binary brings an older directory up.
 */
#include <stdbool.h>

#include "clickhouse/engine.h"

/* Of requests and tables that read ProtobufList. */
#define TABLES_FORMAT_SCHEMA "xtcp_flat_record.proto:XtcpFlatRecord"

/*
 * Writes the schema file into DATA/format_schemas and makes that the working
 * directory: where the engine looks for schemas. Before engine_open(). 0 or
 * -errno with a sentence in error.
 */
int tables_schema(const char *data, struct buf *error);

/* Runs the statements; those of the Kafka tables only with `kafka`. 0 or -EIO with error. */
int tables_create(struct engine *engine, bool kafka, struct buf *error);

#endif
