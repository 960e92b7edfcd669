/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_SERVICE_H
#define CLICKHOUSE_SERVICE_H
/* The engine on a data directory, behind HTTP, from the options to SIGTERM. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The user with read access; the owner's name is an option. */
#define SERVICE_READER "reader"

/* Files of the data directory: held by flock(2) while it is open, and where the process that has it open listens. */
#define SERVICE_LOCK		     "lock"
#define SERVICE_ADDRESS		     "address"
/* The same from DATA/format_schemas, the working directory. */
#define SERVICE_ADDRESS_FROM_SCHEMAS "../" SERVICE_ADDRESS

/* "" in a text stands for the default that its flag tells. */
struct options {
	const char *data, *listen, *library, *kafka, *topic, *group, *engine_log;
	const char *user, *password, *password_file, *reader_password, *reader_password_file;
	const char *allow_host, *allow_files, *run_as;
	uint32_t memory_mib, max_query_seconds;
	bool insecure, verbose;
	int listen_fd; /* listens already; -1: `listen` is to be opened */
	pid_t query;   /* the process that this one serves alone, and ends with; 0 for none */
};

/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define SERVICE_DEFAULTS                                                                                   \
	{                                                                                                  \
		.data = "", .listen = "127.0.0.1:18123", .library = "", .kafka = "", .topic = "xtcp",      \
		.group = "xtcp", .engine_log = "", .user = "default", .password = "", .password_file = "", \
		.reader_password = "", .reader_password_file = "", .allow_host = "", .allow_files = "",    \
		.run_as = "", .memory_mib = 600, .max_query_seconds = 300, .listen_fd = -1                 \
	}
/* clang-format on */

/* Run until SIGTERM or SIGINT, and return the exit status. Paths in *o are made absolute. Messages go to the log. */
int service_run(struct options *o);

#endif
