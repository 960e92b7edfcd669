/* SPDX-License-Identifier: MIT */
#include "clickhouse/tables.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "clickhouse/sql.h"
#include "clickhouse_kafka_sql.h"
#include "clickhouse_minutes_sql.h"
#include "clickhouse_record_proto.h"
#include "clickhouse_records_sql.h"
#include "clickhouse_views_sql.h"

static const struct script {
	const char *name;
	const uint8_t *text;
	const size_t *len;
	bool kafka;
} scripts[] = {
    {"10-records.sql", clickhouse_records_sql, &clickhouse_records_sql_len, false},
    {"20-views.sql", clickhouse_views_sql, &clickhouse_views_sql_len, false},
    {"25-minutes.sql", clickhouse_minutes_sql, &clickhouse_minutes_sql_len, false},
    {"30-kafka.sql", clickhouse_kafka_sql, &clickhouse_kafka_sql_len, true},
};

static int write_schema(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	bool written =
	    fwrite(clickhouse_record_proto, 1, clickhouse_record_proto_len, f) == clickhouse_record_proto_len;
	/* A full disk may show only at fclose(3). */
	if (fclose(f) || !written)
		return errno ? -errno : -EIO;
	return 0;
}

int tables_schema(const char *data, struct buf *error)
{
	char dir[PATH_MAX], path[PATH_MAX + 64];
	int r = 0;

	snprintf(dir, sizeof(dir), "%s/format_schemas", data);
	snprintf(path, sizeof(path), "%s/xtcp_flat_record.proto", dir);
	if (mkdir(dir, 0755) && errno != EEXIST)
		r = -errno;
	if (!r)
		r = write_schema(path);
	if (!r && chdir(dir))
		r = -errno;
	if (r)
		buf_printf(error, "%s cannot be written: %s", path, strerror(-r));
	return r;
}

static int run_script(struct engine *engine, const struct script *script, struct buf *error)
{
	struct engine_session *s = engine_session_new(engine, error);
	struct str statement;
	size_t pos = 0;
	int r = s ? 0 : -EIO;

	while (!r && sql_next_statement((const char *)script->text, *script->len, &pos, &statement)) {
		r = engine_run(s, statement, "TabSeparated", NULL, NULL, NULL, error);
		if (r)
			log_err("tables", "%s fails at: %.*s...", script->name,
				statement.len < 70 ? (int)statement.len : 70, statement.p);
	}
	engine_session_free(s);
	return r;
}

/* Drop the Kafka table of an earlier version, which lacks columns, and the views of it. 0 or -EIO with error. */
static int drop_old_kafka(struct engine *engine, struct buf *error)
{
	static const char lacking[] =
	    "SELECT count() FROM system.columns WHERE database = 'xtcp' AND table = 'xtcp_flat_records_in' AND "
	    "(SELECT count() FROM system.tables WHERE database = 'xtcp' AND name = 'xtcp_flat_records_kafka') = 1 "
	    "AND name NOT IN (SELECT name FROM system.columns WHERE database = 'xtcp' AND table = "
	    "'xtcp_flat_records_kafka')";
	static const char *const drops[] = {
	    "DROP VIEW IF EXISTS xtcp.xtcp_flat_records_mv SYNC",
	    "DROP VIEW IF EXISTS xtcp.xtcp_flat_records_newer_mv SYNC",
	    "DROP VIEW IF EXISTS xtcp.xtcp_flat_records_errors_mv SYNC",
	    "DROP TABLE IF EXISTS xtcp.xtcp_flat_records_kafka SYNC",
	};
	_cleanup_buf_ struct buf out = {0};
	struct engine_session *s = engine_session_new(engine, error);
	int r = s ? engine_run(s, str_of(lacking), "TabSeparated", NULL, &out, NULL, error) : -EIO;

	if (!r && out.len && out.data[0] != '0') {
		log_notice("tables", "the Kafka table is made anew, with the columns of this version");
		for (size_t i = 0; !r && i < ARRAY_SIZE(drops); i++)
			r = engine_run(s, str_of(drops[i]), "TabSeparated", NULL, NULL, NULL, error);
	}
	engine_session_free(s);
	return r;
}

int tables_create(struct engine *engine, bool kafka, struct buf *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(scripts); i++) {
		if (scripts[i].kafka && !kafka)
			continue;
		if (scripts[i].kafka)
			r = drop_old_kafka(engine, error);
		if (!r)
			r = run_script(engine, &scripts[i], error);
	}
	return r;
}
