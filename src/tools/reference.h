/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_REFERENCE_H
#define TOOLS_REFERENCE_H
/*
 * The four reference encoders of the Kafka and HTTP wire format: one program with four
 * outputs. Rows are generated (or a file's bytes are used unchanged), encoded like the
 * daemon's, and passed to an output.
 */
#include <stdbool.h>

enum reference_end {
	REFERENCE_STDOUT,      /* clickhouse_protobuflist */
	REFERENCE_HTTP,	       /* clickhouse_http_insert_protobuflist */
	REFERENCE_HTTP_VERIFY, /* clickhouse_protobuflist_db: reads the rows back */
	REFERENCE_KAFKA,       /* kafka_to_clickhouse */
};

/* main() of all four. */
int reference_main(enum reference_end end, const char *summary, int argc, char **argv);

#endif
