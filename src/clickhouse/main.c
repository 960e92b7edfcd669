/* SPDX-License-Identifier: MIT */
/*
 * xtcp2-clickhouse: the ClickHouse engine on a directory of records, behind ClickHouse's HTTP interface; and its
 * subcommand query, which asks it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flags.h"
#include "base/listen.h"
#include "base/log.h"
#include "clickhouse/query.h"
#include "clickhouse/service.h"

/* Exit status of bad usage. */
#define EXIT_USAGE 2

static bool listens_on_loopback(const char *host)
{
	return !strncmp(host, "127.", 4) || !strcmp(host, "::1") || !strcmp(host, "localhost");
}

/* Conditions between options. */
static const char *usage_error(const struct options *o)
{
	char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX];
	bool given = *o->password || *o->password_file || *o->reader_password || *o->reader_password_file;

	if (listen_split(o->listen, host, port))
		return "-listen: must be HOST:PORT, :PORT or [IPv6]:PORT with a port up to 65535";
	if (o->insecure && given)
		return "-insecure and a password exclude each other";
	if (o->insecure && !listens_on_loopback(host))
		return "-insecure: without a password it listens on loopback only, such as 127.0.0.1:18123";
	if (!strcmp(o->user, SERVICE_READER))
		return "-user: " SERVICE_READER " is the name of the user who only reads";
	if (!o->max_query_seconds)
		return "-maxQuerySeconds: must be at least 1";
	return NULL;
}

static void parse(struct options *o, int argc, char **argv)
{
	const struct flag flags[] = {
	    {"data", FLAG_FILE, &o->data, "directory of the database; made when it is not there"},
	    {"listen", FLAG_STRING, &o->listen, "address of the HTTP interface"},
	    {"lib", FLAG_FILE, &o->library, "libchdb.so; \"\" looks in the known places"},
	    {"kafka", FLAG_STRING, &o->kafka,
	     "brokers to read records from, HOST:PORT[,HOST:PORT]; \"\" for none"},
	    {"topic", FLAG_STRING, &o->topic, "Kafka topic"},
	    {"group", FLAG_STRING, &o->group, "Kafka consumer group"},
	    {"user", FLAG_STRING, &o->user, "user that may ask and change"},
	    {"password", FLAG_STRING, &o->password,
	     "and the password; $XTCP2_CLICKHOUSE_PASSWORD is not seen in ps; \"\" makes one in DIR/password"},
	    {"passwordFile", FLAG_FILE, &o->password_file, "file whose first line is the password"},
	    {"readerPassword", FLAG_STRING, &o->reader_password,
	     "password of the user " SERVICE_READER
	     ", who may only read; $XTCP2_CLICKHOUSE_READER_PASSWORD is not seen "
	     "in ps; \"\" makes one in DIR/reader-password"},
	    {"readerPasswordFile", FLAG_FILE, &o->reader_password_file,
	     "file whose first line is that password"},
	    {"insecure", FLAG_BOOL, &o->insecure,
	     "no passwords: every user of the machine may ask; loopback only"},
	    {"allowHost", FLAG_STRING, &o->allow_host,
	     "further names, comma-separated, by which requests may call this server"},
	    {"allowFiles", FLAG_FILE, &o->allow_files, "directory whose files statements may read and write"},
	    {"runAs", FLAG_STRING, &o->run_as,
	     "user to become when started by root; \"\" is the owner of the directory, else xtcp2-clickhouse or "
	     "nobody"},
	    {"maxQuerySeconds", FLAG_U32, &o->max_query_seconds, "a statement ends after so many seconds"},
	    {"memory", FLAG_U32, &o->memory_mib, "most memory the engine may take, MiB"},
	    {"engineLog", FLAG_FILE, &o->engine_log, "file for the engine's own log; \"\" for none"},
	    {"verbose", FLAG_BOOL, &o->verbose, "say more: refused requests and their errors"},
	    {NULL},
	};
	const char *password = getenv("XTCP2_CLICKHOUSE_PASSWORD");
	const char *reader_password = getenv("XTCP2_CLICKHOUSE_READER_PASSWORD");

	if (password)
		o->password = password;
	if (reader_password)
		o->reader_password = reader_password;
	flags_parse(
	    flags, argc, argv,
	    "the ClickHouse engine with the tables of xtcp2, over HTTP; -data is needed\n\nCommands:\n"
	    "  query  ask it a query, or open its directory for one");
	if (!*o->data) {
		fprintf(stderr, "xtcp2-clickhouse: -data DIR is needed: where is the database to be kept?\n");
		exit(EXIT_USAGE);
	}
	const char *bad = usage_error(o);
	if (bad) {
		fprintf(stderr, "xtcp2-clickhouse: %s\n", bad);
		exit(EXIT_USAGE);
	}
}

int main(int argc, char **argv)
{
	struct options o = SERVICE_DEFAULTS;

	if (argc > 1 && !strcmp(argv[1], "query"))
		return query_run(argc - 1, argv + 1);
	parse(&o, argc, argv);
	log_init(o.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE);
	log_times(LOG_TIME_AUTO);
	return service_run(&o);
}
