/* SPDX-License-Identifier: MIT */
/* SQL over one's own sockets: the ClickHouse engine on a directory, behind ClickHouse's HTTP interface. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/notify.h"
#include "clickhouse/server.h"
#include "clickhouse/tables.h"

/* Exit statuses: bad usage, and a start or run that failed. */
#define EXIT_USAGE 2

struct options {
	const char *data, *listen, *library, *kafka, *topic, *group, *user, *password, *engine_log;
	uint32_t memory_mib;
	bool verbose;
};

/* Server options of the engine: name=value lines in one buffer, pointers to them in argv. */
#define CONFIG_MAX 24
struct config {
	char lines[CONFIG_MAX][PATH_MAX];
	const char *argv[CONFIG_MAX + 1];
	size_t count;
};

/* Room for one more line. The table below is what there is: a line that has no room is a mistake in it. */
static char *config_line(struct config *c)
{
	assert(c->count < CONFIG_MAX);
	c->argv[c->count] = c->lines[c->count];
	return c->lines[c->count++];
}

#define config_add(c, ...) snprintf(config_line(c), sizeof((c)->lines[0]), __VA_ARGS__)

#define INSTANCE_ID_MAX 96

/* One and the same for this directory on this host. */
static const char *instance_id(const char *data, char id[static INSTANCE_ID_MAX])
{
	char host[64] = "";
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	gethostname(host, sizeof(host) - 1);
	for (const char *p = data; *p; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	snprintf(id, INSTANCE_ID_MAX, "xtcp2-clickhouse-%s-%016llx", host, (unsigned long long)hash);
	return id;
}

/*
 * The engine's defaults are for a server with a machine of its own. Pools and
 * caches are cut down to what one table and a dashboard need.
 */
static void config_fill(struct config *c, const struct options *o, const char *data)
{
	char id[INSTANCE_ID_MAX];
	unsigned long long bytes = (unsigned long long)o->memory_mib << 20;

	config_add(c, "max_server_memory_usage=%llu", bytes);
	config_add(c, "mark_cache_size=%d", 32 << 20);
	config_add(c, "index_mark_cache_size=%d", 8 << 20);
	config_add(c, "uncompressed_cache_size=0");
	config_add(c, "max_thread_pool_size=200");
	config_add(c, "max_thread_pool_free_size=16");
	config_add(c, "background_pool_size=2");
	config_add(c, "background_schedule_pool_size=8");
	config_add(c, "background_message_broker_schedule_pool_size=2");
	/* The first makes the engine look at the others. */
	config_add(c, "macros=1");
	config_add(c, "macros.kafka_brokers=%s", *o->kafka ? o->kafka : "127.0.0.1:19092");
	config_add(c, "macros.kafka_topic=%s", o->topic);
	config_add(c, "macros.kafka_group=%s", o->group);
	/*
	 * For librdkafka: a topic that comes to be after the start is seen within seconds,
	 * not five minutes, and what is fetched ahead fits into the memory limit.
	 */
	config_add(c, "kafka=1");
	config_add(c, "kafka.topic_metadata_refresh_interval_ms=5000");
	config_add(c, "kafka.queued_max_messages_kbytes=16384");
	/*
	 * The engine does not leave its consumer group when it stops, and a group waits 45 s
	 * for a member. A member that says that it is the same one is let in at once.
	 */
	config_add(c, "kafka.group_instance_id=%s", instance_id(data, id));
	if (*o->engine_log) {
		config_add(c, "logger.log=%s", o->engine_log);
		config_add(c, "log-level=information");
	}
}

static int fail(const char *what, struct buf *error)
{
	const char *text = buf_cstr(error);

	log_err("clickhouse", "%s%s", what, text ? text : "no memory");
	buf_free(error);
	return EXIT_FAILURE;
}

/* Holds the directory against a second process; the lock ends with this one. -errno. */
static int lock_data(const char *data)
{
	char path[PATH_MAX + 8];

	if (mkdir(data, 0750) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/lock", data);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	return flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int serve(struct engine *engine, const struct options *o, const sigset_t *stop)
{
	const struct server_options so = {o->listen, o->user, o->password, TABLES_FORMAT_SCHEMA};
	struct buf error = {0};
	int signal_number;

	if (tables_create(engine, *o->kafka, &error))
		return fail("the tables cannot be made: ", &error);
	struct server *server = server_start(engine, &so, &error);
	if (!server)
		return fail("", &error);
	log_notice("clickhouse", "ready: http://%s/%s%s", o->listen, *o->kafka ? ", reading Kafka at " : "",
		   o->kafka);
	notify_send("READY=1");
	sigwait(stop, &signal_number);
	notify_send("STOPPING=1");
	log_notice("clickhouse", "stopping on %s", strsignal(signal_number));
	server_stop(server);
	return EXIT_SUCCESS;
}

static void parse(struct options *o, int argc, char **argv)
{
	const struct flag flags[] = {
	    {"data", FLAG_STRING, &o->data, "directory of the database; made when it is not there"},
	    {"listen", FLAG_STRING, &o->listen, "address of the HTTP interface"},
	    {"lib", FLAG_STRING, &o->library, "libchdb.so; \"\" looks in the known places"},
	    {"kafka", FLAG_STRING, &o->kafka,
	     "brokers to read records from, HOST:PORT[,HOST:PORT]; \"\" for none"},
	    {"topic", FLAG_STRING, &o->topic, "Kafka topic"},
	    {"group", FLAG_STRING, &o->group, "Kafka consumer group"},
	    {"user", FLAG_STRING, &o->user, "user that may ask"},
	    {"password", FLAG_STRING, &o->password,
	     "and the password; $XTCP2_CLICKHOUSE_PASSWORD is not seen in ps"},
	    {"memory", FLAG_U32, &o->memory_mib, "most memory the engine may take, MiB"},
	    {"engineLog", FLAG_STRING, &o->engine_log, "file for the engine's own log; \"\" for none"},
	    {"v", FLAG_BOOL, &o->verbose, "say more: refused requests and their errors"},
	    {NULL},
	};
	const char *password = getenv("XTCP2_CLICKHOUSE_PASSWORD");

	if (password)
		o->password = password;
	flags_parse(
	    flags, argc, argv,
	    "xtcp2-clickhouse -data DIR [FLAGS]: the ClickHouse engine with the tables of xtcp2, over HTTP.");
	if (!*o->data) {
		fprintf(stderr, "xtcp2-clickhouse: -data DIR is needed: where is the database to be kept?\n");
		exit(EXIT_USAGE);
	}
}

/* The working directory changes later: a path of the command line is made absolute in place. */
static void make_absolute(const char **path, char absolute[static PATH_MAX])
{
	char cwd[PATH_MAX];

	if (!**path || **path == '/' || !getcwd(cwd, sizeof(cwd)))
		return;
	if (snprintf(absolute, PATH_MAX, "%s/%s", cwd, *path) < PATH_MAX)
		*path = absolute;
}

int main(int argc, char **argv)
{
	struct options o = {"", "127.0.0.1:18123", "", "", "xtcp", "xtcp", "default", "", "", 600, false};
	static struct config config;
	struct buf error = {0};
	char data[PATH_MAX], library[PATH_MAX], engine_log[PATH_MAX];
	sigset_t stop;

	parse(&o, argc, argv);
	make_absolute(&o.library, library);
	make_absolute(&o.engine_log, engine_log);
	log_init(o.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE);
	/* Blocked before the engine starts its threads, so that sigwait() gets them. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	int rc = lock_data(o.data);
	if (rc || !realpath(o.data, data)) {
		buf_printf(&error, "%s: %s", o.data,
			   rc == -EWOULDBLOCK ? "another xtcp2-clickhouse has it open"
					      : strerror(rc ? -rc : errno));
		return fail("", &error);
	}
	config_fill(&config, &o, data);
	if (tables_schema(data, &error))
		return fail("", &error);
	struct engine *engine = engine_open(*o.library ? o.library : NULL, data, config.argv, &error);
	if (!engine)
		return fail("", &error);
	rc = serve(engine, &o, &stop);
	engine_close(engine);
	return rc;
}
