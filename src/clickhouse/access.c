/* SPDX-License-Identifier: MIT */
#include "clickhouse/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define SETTINGS_DIR "settings"

/*
 * Settings that nobody may change:
 *   dialect                 another parser would not see what ours has looked at
 *   ..._values_...          data of FORMAT Values are data, not expressions
 *   format_template_...     name files to be read
 *   ..._registry_url        names a host to be asked
 */
static const struct {
	const char *name, *value;
} fixed[] = {
    {"dialect", "clickhouse"},
    {"input_format_values_interpret_expressions", "0"},
    {"input_format_values_deduce_templates_of_expressions", "0"},
    {"format_template_resultset", ""},
    {"format_template_row", ""},
    {"format_avro_schema_registry_url", ""},
    {"allow_introspection_functions", "0"},
    /* Counting the rows of a ProtobufList with a second envelope does not end; reading them fails. */
    {"optimize_count_from_files", "0"},
};

/* Roles and their grants. None has SOURCES, BACKUP, SYSTEM or access management. */
static const struct {
	const char *role, *grants[2];
} roles[] = {
    {"reading", {"SELECT, SHOW DATABASES, SHOW TABLES, SHOW COLUMNS, SHOW DICTIONARIES, dictGet ON *.*"}},
    {"writing",
     {"SHOW, SELECT, INSERT, CHECK, ALTER TABLE, ALTER VIEW, CREATE DATABASE, CREATE TABLE, CREATE VIEW, "
      "CREATE TEMPORARY TABLE, CREATE FUNCTION, DROP DATABASE, DROP TABLE, DROP VIEW, DROP FUNCTION, UNDROP "
      "TABLE, TRUNCATE, OPTIMIZE, KILL QUERY, SYSTEM FLUSH, SYSTEM MERGES, dictGet ON *.*"}},
    {"files", {"FILE ON *.*"}},
    {"kafka", {"KAFKA ON *.*", "TABLE ENGINE ON Kafka"}},
};

static void add_profile(struct buf *b, const struct access_rules *rules)
{
	buf_printf(b, "<profiles><default><max_execution_time>%u</max_execution_time>",
		   rules->max_query_seconds);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		buf_printf(b, "<%s>%s</%s>", fixed[i].name, fixed[i].value, fixed[i].name);
	buf_printf(b, "<constraints><max_execution_time><min>1</min><max>%u</max></max_execution_time>",
		   rules->max_query_seconds);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		buf_printf(b, "<%s><const/></%s>", fixed[i].name, fixed[i].name);
	buf_str(b, "</constraints></default></profiles>\n");
}

static void add_roles(struct buf *b)
{
	buf_str(b, "<roles>\n");
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		buf_printf(b, "<%s><grants>", roles[i].role);
		for (size_t j = 0; j < ARRAY_SIZE(roles[i].grants) && roles[i].grants[j]; j++)
			buf_printf(b, "<query>GRANT %s</query>", roles[i].grants[j]);
		buf_printf(b, "</grants></%s>\n", roles[i].role);
	}
	buf_str(b, "</roles>\n");
}

static void make_users(struct buf *b, const struct access_rules *rules)
{
	buf_str(b, "<clickhouse>\n<quotas><default></default></quotas>\n");
	add_profile(b, rules);
	add_roles(b);
	/* No password here: HTTP requests are authenticated before a session is made. */
	buf_printf(b,
		   "<users><default><password></password><networks><ip>::/0</ip></networks>"
		   "<profile>default</profile><quota>default</quota>"
		   "<grants><query>GRANT reading, writing%s%s</query></grants></default></users>\n"
		   "</clickhouse>\n",
		   rules->files ? ", files" : "", rules->kafka ? ", kafka" : "");
}

static int write_file(const char *path, const struct buf *b)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, b->data, b->len);
	return n == (ssize_t)b->len ? 0 : n < 0 ? -errno : -ENOSPC;
}

int access_write(const char *data, const struct access_rules *rules, char config[static ACCESS_PATH_MAX],
		 struct buf *error)
{
	char users[ACCESS_PATH_MAX];
	_cleanup_buf_ struct buf b = {0};
	int r = 0;

	snprintf(config, ACCESS_PATH_MAX, "%s/" SETTINGS_DIR, data);
	if (mkdir(config, 0700) && errno != EEXIST)
		r = -errno;
	snprintf(users, sizeof(users), "%s/" SETTINGS_DIR "/users.xml", data);
	snprintf(config, ACCESS_PATH_MAX, "%s/" SETTINGS_DIR "/config.xml", data);
	make_users(&b, rules);
	if (!r)
		r = buf_ok(&b) ? write_file(users, &b) : -ENOMEM;
	buf_reset(&b);
	buf_str(&b, "<clickhouse><user_directories><users_xml><path>users.xml</path></users_xml>"
		    "</user_directories></clickhouse>\n");
	if (!r)
		r = buf_ok(&b) ? write_file(config, &b) : -ENOMEM;
	if (r)
		buf_printf(error, "%s/" SETTINGS_DIR " cannot be written: %s", data, strerror(-r));
	return r;
}

const char *access_roles(enum access_role role, bool files)
{
	if (role == ACCESS_READER)
		return "SET ROLE reading";
	return files ? "SET ROLE reading, writing, files" : "SET ROLE reading, writing";
}
