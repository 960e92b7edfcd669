/* SPDX-License-Identifier: MIT */
/* xtcp2-clickhouse: the ClickHouse engine on a directory of records, behind ClickHouse's HTTP interface. */
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
#include "base/listen.h"
#include "base/log.h"
#include "base/notify.h"
#include "clickhouse/access.h"
#include "clickhouse/confine.h"
#include "clickhouse/password.h"
#include "clickhouse/server.h"
#include "clickhouse/tables.h"

/* Exit statuses: bad usage, and a start or run that failed. */
#define EXIT_USAGE 2

/* The user with read access; the owner's name is an option. */
#define READER "reader"

struct options {
	const char *data, *listen, *library, *kafka, *topic, *group, *engine_log;
	const char *user, *password, *password_file, *reader_password, *reader_password_file;
	const char *allow_host, *allow_files, *run_as;
	uint32_t memory_mib, max_query_seconds;
	bool insecure, verbose;
};

/* Sources of the passwords: option, environment or file; otherwise a file in the data directory. */
struct secret {
	char password[PASSWORD_MAX];
	char place[PATH_MAX + 32]; /* for the start line; never the password */
};

/* Server options of the engine: name=value lines in one buffer, pointers to them in argv. */
#define CONFIG_MAX 25
struct config {
	char lines[CONFIG_MAX][PATH_MAX];
	const char *argv[CONFIG_MAX + 1];
	size_t count;
};

/* Begin one more line. The tables below have a fixed number of lines, so running out of room is a bug. */
static char *config_line(struct config *c)
{
	assert(c->count < CONFIG_MAX);
	c->argv[c->count] = c->lines[c->count];
	return c->lines[c->count++];
}

#define config_add(c, ...) snprintf(config_line(c), sizeof((c)->lines[0]), __VA_ARGS__)

#define INSTANCE_ID_MAX 96

/* The same id in each run on this directory and host. */
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
 * The engine's defaults are for a dedicated server. Pools and caches are reduced to the
 * needs of one table and a dashboard.
 */
static void config_fill(struct config *c, const struct options *o, const char *data, const char *access)
{
	char id[INSTANCE_ID_MAX];
	unsigned long long bytes = (unsigned long long)o->memory_mib << 20;

	config_add(c, "config-file=%s", access);
	config_add(c, "max_server_memory_usage=%llu", bytes);
	config_add(c, "mark_cache_size=%d", 32 << 20);
	config_add(c, "index_mark_cache_size=%d", 8 << 20);
	config_add(c, "uncompressed_cache_size=0");
	config_add(c, "max_thread_pool_size=200");
	config_add(c, "max_thread_pool_free_size=16");
	config_add(c, "background_pool_size=2");
	config_add(c, "background_schedule_pool_size=8");
	config_add(c, "background_message_broker_schedule_pool_size=2");
	/* Without the first the engine ignores the others. */
	config_add(c, "macros=1");
	config_add(c, "macros.kafka_brokers=%s", *o->kafka ? o->kafka : "127.0.0.1:19092");
	config_add(c, "macros.kafka_topic=%s", o->topic);
	config_add(c, "macros.kafka_group=%s", o->group);
	/*
	 * For librdkafka: a topic created after the start is noticed within seconds instead of
	 * five minutes, and prefetched messages fit into the memory limit.
	 */
	config_add(c, "kafka=1");
	config_add(c, "kafka.topic_metadata_refresh_interval_ms=5000");
	config_add(c, "kafka.queued_max_messages_kbytes=16384");
	/*
	 * The engine does not leave its consumer group when it stops, and a group waits 45 s
	 * for a lost member. A static member (group.instance.id) rejoins at once.
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

/* Create the directory, owned by the user to become. 0 or -errno. */
static int make_data(const char *data, const struct confine_identity *who)
{
	if (mkdir(data, 0750))
		return errno == EEXIST ? 0 : -errno;
	return who->change && chown(data, who->uid, who->gid) ? -errno : 0;
}

/* Create the engine's subdirectories, which must exist before the process is confined to them. 0 or
 * -errno. */
static int make_parts(const char *data)
{
	static const char *const parts[] = {"data",  "metadata", "metadata_dropped",
					    "store", "tmp",	 "user_defined"};
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", data, parts[i]);
		if (mkdir(path, 0750) && errno != EEXIST)
			return -errno;
	}
	snprintf(path, sizeof(path), "%s/status", data);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	return fd < 0 ? -errno : 0;
}

/* Lock the directory against a second process, until this one ends. 0 or -errno. */
static int lock_data(const char *data)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/lock", data);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	return flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

/* Read a given password, before the rights to read its file are dropped. 0, or -errno with error. */
static int secret_given(struct secret *s, const char *text, const char *file, const char *what,
			struct buf *error)
{
	if (*file) {
		snprintf(s->place, sizeof(s->place), "%s", file);
		return password_read(file, s->password, error);
	}
	if (strlen(text) >= sizeof(s->password)) {
		buf_printf(error, "the %s is longer than %d bytes", what, PASSWORD_MAX - 1);
		return -EINVAL;
	}
	snprintf(s->password, sizeof(s->password), "%s", text);
	snprintf(s->place, sizeof(s->place), "given by -%s or the environment", what);
	return 0;
}

/* Read a password that was not given from the data directory; create it if it is missing. */
static int secret_kept(struct secret *s, const char *data, const char *name, struct buf *error)
{
	if (*s->password)
		return 0;
	snprintf(s->place, sizeof(s->place), "%s/%s", data, name);
	return password_read_or_make(s->place, s->password, error);
}

struct secrets {
	struct secret owner, reader;
};

static int secrets_given(struct secrets *s, const struct options *o, struct buf *error)
{
	int r = secret_given(&s->owner, o->password, o->password_file, "password", error);

	return r ? r
		 : secret_given(&s->reader, o->reader_password, o->reader_password_file, "readerPassword",
				error);
}

static int secrets_kept(struct secrets *s, const struct options *o, const char *data, struct buf *error)
{
	if (o->insecure)
		return 0;
	int r = secret_kept(&s->owner, data, "password", error);

	return r ? r : secret_kept(&s->reader, data, "reader-password", error);
}

static bool listens_on_loopback(const char *listen)
{
	char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX];

	if (listen_split(listen, host, port))
		return true; /* not an address: the server reports it */
	return !strncmp(host, "127.", 4) || !strcmp(host, "::1") || !strcmp(host, "localhost");
}

static int serve(struct engine *engine, const struct options *o, const struct secrets *secrets,
		 const sigset_t *stop)
{
	const struct server_options so = {
	    .listen = o->listen,
	    .user = o->user,
	    .password = secrets->owner.password,
	    .reader = READER,
	    .reader_password = secrets->reader.password,
	    .allow_host = o->allow_host,
	    .max_query_seconds = o->max_query_seconds,
	    .files = *o->allow_files,
	    .format_schema = TABLES_FORMAT_SCHEMA,
	};
	struct buf error = {0};
	int signal_number;

	if (tables_create(engine, *o->kafka, &error))
		return fail("the tables cannot be made: ", &error);
	struct server *server = server_start(engine, &so, &error);
	if (!server)
		return fail("", &error);
	if (o->insecure)
		log_warn("clickhouse", "-insecure: every user of this machine may ask and change everything");
	else
		log_notice("clickhouse", "password of %s: %s; of " READER ", who only reads: %s", o->user,
			   secrets->owner.place, secrets->reader.place);
	log_notice("clickhouse", "ready: http://%s/%s%s", o->listen, *o->kafka ? ", reading Kafka at " : "",
		   o->kafka);
	notify_send("READY=1");
	sigwait(stop, &signal_number);
	notify_send("STOPPING=1");
	log_notice("clickhouse", "stopping on %s", strsignal(signal_number));
	server_stop(server);
	return EXIT_SUCCESS;
}

/* Conditions between options. */
static const char *usage_error(const struct options *o)
{
	bool given = *o->password || *o->password_file || *o->reader_password || *o->reader_password_file;

	if (o->insecure && given)
		return "-insecure and a password exclude each other";
	if (o->insecure && !listens_on_loopback(o->listen))
		return "-insecure: without a password it listens on loopback only, such as 127.0.0.1:18123";
	if (!strcmp(o->user, READER))
		return "-user: " READER " is the name of the user who only reads";
	if (!o->max_query_seconds)
		return "-maxQuerySeconds: must be at least 1";
	return NULL;
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
	    {"user", FLAG_STRING, &o->user, "user that may ask and change"},
	    {"password", FLAG_STRING, &o->password,
	     "and the password; $XTCP2_CLICKHOUSE_PASSWORD is not seen in ps; \"\" makes one in DIR/password"},
	    {"passwordFile", FLAG_STRING, &o->password_file, "file whose first line is the password"},
	    {"readerPassword", FLAG_STRING, &o->reader_password,
	     "password of the user " READER
	     ", who may only read; $XTCP2_CLICKHOUSE_READER_PASSWORD is not seen "
	     "in ps; \"\" makes one in DIR/reader-password"},
	    {"readerPasswordFile", FLAG_STRING, &o->reader_password_file,
	     "file whose first line is that password"},
	    {"insecure", FLAG_BOOL, &o->insecure,
	     "no passwords: every user of the machine may ask; loopback only"},
	    {"allowHost", FLAG_STRING, &o->allow_host,
	     "further names, comma-separated, by which requests may call this server"},
	    {"allowFiles", FLAG_STRING, &o->allow_files,
	     "directory whose files statements may read and write"},
	    {"runAs", FLAG_STRING, &o->run_as,
	     "user to become when started by root; \"\" is the owner of the directory, else xtcp2-clickhouse or "
	     "nobody"},
	    {"maxQuerySeconds", FLAG_U32, &o->max_query_seconds, "a statement ends after so many seconds"},
	    {"memory", FLAG_U32, &o->memory_mib, "most memory the engine may take, MiB"},
	    {"engineLog", FLAG_STRING, &o->engine_log, "file for the engine's own log; \"\" for none"},
	    {"verbose", FLAG_BOOL, &o->verbose, "say more: refused requests and their errors"},
	    {NULL},
	};
	const char *password = getenv("XTCP2_CLICKHOUSE_PASSWORD");
	const char *reader_password = getenv("XTCP2_CLICKHOUSE_READER_PASSWORD");

	if (password)
		o->password = password;
	if (reader_password)
		o->reader_password = reader_password;
	flags_parse(flags, argc, argv,
		    "the ClickHouse engine with the tables of xtcp2, over HTTP; -data is needed");
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

/* The working directory changes later: make a path of the command line absolute, in place. */
static void make_absolute(const char **path, char absolute[static PATH_MAX])
{
	char cwd[PATH_MAX];

	if (!**path || **path == '/' || !getcwd(cwd, sizeof(cwd)))
		return;
	if (snprintf(absolute, PATH_MAX, "%s/%s", cwd, *path) < PATH_MAX)
		*path = absolute;
}

/* A file of root in the directory of another user is left from a run as root. */
static const char *why_not(const char *data, int r, struct buf *error)
{
	if (r == -EWOULDBLOCK)
		return "another xtcp2-clickhouse has it open";
	if (r == -EACCES && geteuid())
		buf_printf(error, "as uid %u, ", geteuid());
	return strerror(-r);
}

/*
 * Do everything that needs root, create and lock the data directory, and become the user who runs the engine.
 * 0, or negative with error.
 */
static int prepare(const struct options *o, struct secrets *secrets, char data[static PATH_MAX],
		   char access[static ACCESS_PATH_MAX], struct buf *error)
{
	struct confine_identity who;
	int r = confine_identify(o->run_as, o->data, &who, error);

	if (!r)
		r = secrets_given(secrets, o, error);
	if (r)
		return r;
	r = make_data(o->data, &who);
	if (!r)
		r = confine_become(&who);
	if (!r)
		r = lock_data(o->data);
	if (!r)
		r = make_parts(o->data);
	if (r || !realpath(o->data, data)) {
		const char *why = why_not(o->data, r ? r : -errno, error);
		buf_printf(error, "%s: %s", o->data, why);
		return r ? r : -EIO;
	}
	if (who.change)
		log_notice("clickhouse", "runs as %s", who.name);
	const struct access_rules rules = {o->max_query_seconds, *o->allow_files, *o->kafka};
	r = secrets_kept(secrets, o, data, error);
	if (!r)
		r = tables_schema(data, error);
	return r ? r : access_write(data, &rules, access, error);
}

/* Confine the process to the needs of the engine. 0, or negative with error. */
static int confine(const struct options *o, const char *data, struct buf *error)
{
	const struct confine_places places = {data, o->engine_log, o->allow_files, *o->kafka};
	int r = confine_process(&places, error);

	if (r == 0 && *o->allow_files) {
		buf_str(error,
			"-allowFiles: the kernel has no Landlock (Linux 5.13), which keeps statements in "
			"that directory");
		return -ENOSYS;
	}
	if (r == 0)
		log_notice("clickhouse", "the kernel has no Landlock: files are guarded by the rules for "
					 "statements and by the rights of the user alone");
	return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
	struct options o = {.data = "",
			    .listen = "127.0.0.1:18123",
			    .library = "",
			    .kafka = "",
			    .topic = "xtcp",
			    .group = "xtcp",
			    .engine_log = "",
			    .user = "default",
			    .password = "",
			    .password_file = "",
			    .reader_password = "",
			    .reader_password_file = "",
			    .allow_host = "",
			    .allow_files = "",
			    .run_as = "",
			    .memory_mib = 600,
			    .max_query_seconds = 300};
	static struct config config;
	static struct secrets secrets;
	struct buf error = {0};
	char data[PATH_MAX], library[PATH_MAX], engine_log[PATH_MAX], files[PATH_MAX],
	    access[ACCESS_PATH_MAX];
	sigset_t stop;

	parse(&o, argc, argv);
	make_absolute(&o.library, library);
	make_absolute(&o.engine_log, engine_log);
	make_absolute(&o.allow_files, files);
	log_init(o.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE);
	log_times(LOG_TIME_AUTO);
	/* Blocked before the engine starts its threads, so that sigwait() gets them. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	struct engine *engine = engine_new(*o.library ? o.library : NULL, &error);
	if (!engine || prepare(&o, &secrets, data, access, &error) || engine_load(engine, &error) ||
	    confine(&o, data, &error))
		return fail("", &error);
	config_fill(&config, &o, data, access);
	int r = engine_open(engine, data, config.argv, &error) ? fail("", &error)
							       : serve(engine, &o, &secrets, &stop);
	engine_close(engine);
	return r;
}
