/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_TABLES_H
#define CLICKHOUSE_TABLES_H
/*
 * The tables of pipeline/clickhouse/sql and the record schema, embedded in the binary.
 * Every start writes the schema file and runs the statements. They are idempotent, so
 * a newer binary updates an older directory.
 */
#include <stdbool.h>

#include "clickhouse/engine.h"

/* The schema of requests and tables that read ProtobufList. */
#define TABLES_FORMAT_SCHEMA "xtcp_flat_record.proto:XtcpFlatRecord"

/*
 * Write the schema file into DATA/format_schemas and make that the working directory,
 * where the engine searches schemas. Call it before engine_open(). 0, or -errno with a
 * sentence in error.
 */
int tables_schema(const char *data, struct buf *error);

/* Run the statements; those of the Kafka tables only with `kafka`. 0 or -EIO with error. */
int tables_create(struct engine *engine, bool kafka, struct buf *error);

#endif
