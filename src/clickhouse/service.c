/* SPDX-License-Identifier: MIT */
#include "clickhouse/service.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/own_directory.h"
#include "clickhouse/access.h"
#include "clickhouse/confine.h"
#include "clickhouse/password.h"
#include "clickhouse/server.h"
#include "clickhouse/tables.h"

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
	int r = own_directory_make(data, 0750, who->change ? who->uid : geteuid(),
				   who->change ? who->gid : getegid());
	return r < 0 ? r : 0;
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

/* A query that looks whether the directory is open holds its lock for an instant. */
#define LOCK_TRIES    10
#define LOCK_RETRY_NS (50 * NS_PER_MS)

/* Lock the directory against a second process, until this one ends. 0 or -errno. */
static int lock_data(const char *data)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/" SERVICE_LOCK, data);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = LOCK_RETRY_NS}, NULL);
	}
	return -EWOULDBLOCK;
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

/*
 * Tell in the data directory where this server listens, for `xtcp2-clickhouse query -data`. Called in DATA/format_schemas. Without the
 * file a query needs -server, so a failure is no more than a warning.
 */
static void write_address(const struct options *o)
{
	/* Not truncated: the confinement lets files be made and removed there. */
	unlink(SERVICE_ADDRESS_FROM_SCHEMAS);
	_cleanup_close_ int fd =
	    open(SERVICE_ADDRESS_FROM_SCHEMAS, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || dprintf(fd, "%s\n", o->listen) < 0)
		log_warn("clickhouse", "%s cannot be written: %s", SERVICE_ADDRESS, strerror(errno));
}

/*
 * Statements and consumers of Kafka are waited for, by the engine without a limit. What was inserted is on the disk, so
 * that the process may end without them.
 */
#define CLOSE_SECONDS 60

/* SIGALRM: the engine has not closed. */
static void close_late(int signal_number)
{
	static const char *const parts[] = {
	    "the engine does not close within a minute: ending without it; what was inserted is kept", NULL};

	(void)signal_number;
	log_parts(LOG_LEVEL_ERR, "clickhouse", parts);
	_exit(EXIT_FAILURE);
}

/* End the process after CLOSE_SECONDS at the latest. */
static void limit_close(void)
{
	const struct sigaction late = {.sa_handler = close_late};

	sigaction(SIGALRM, &late, NULL);
	alarm(CLOSE_SECONDS);
}

static int serve(struct engine *engine, const struct options *o, const struct secrets *secrets,
		 const sigset_t *stop)
{
	const struct server_options so = {
	    .listen = o->listen,
	    .listen_fd = o->listen_fd,
	    .user = o->user,
	    .password = secrets->owner.password,
	    .reader = SERVICE_READER,
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
		log_notice("clickhouse", "password of %s: %s; of " SERVICE_READER ", who only reads: %s",
			   o->user, secrets->owner.place, secrets->reader.place);
	log_notice("clickhouse", "ready: http://%s/%s%s", o->listen, *o->kafka ? ", reading Kafka at " : "",
		   o->kafka);
	if (!o->query)
		write_address(o);
	notify_send("READY=1");
	sigwait(stop, &signal_number);
	unlink(SERVICE_ADDRESS_FROM_SCHEMAS);
	notify_send("STOPPING=1");
	log_notice("clickhouse", "stopping on %s", strsignal(signal_number));
	limit_close();
	server_stop(server);
	return EXIT_SUCCESS;
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
	struct stat st;
	if (*o->allow_files && (stat(o->allow_files, &st) || !S_ISDIR(st.st_mode))) {
		buf_printf(error, "-allowFiles %s: must be a directory that is there", o->allow_files);
		return -ENOTDIR;
	}
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
	/* A change of the user forgets it. */
	if (o->query && (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != o->query))
		return -ESRCH;
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

int service_run(struct options *o)
{
	static struct config config;
	static struct secrets secrets;
	struct buf error = {0};
	char data[PATH_MAX], library[PATH_MAX], engine_log[PATH_MAX], files[PATH_MAX],
	    access[ACCESS_PATH_MAX];
	sigset_t stop;

	make_absolute(&o->library, library);
	make_absolute(&o->engine_log, engine_log);
	make_absolute(&o->allow_files, files);
	/* Blocked before the engine starts its threads, so that sigwait() gets them. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	struct engine *engine = engine_new(*o->library ? o->library : NULL, &error);
	if (!engine || prepare(o, &secrets, data, access, &error) || engine_load(engine, &error) ||
	    confine(o, data, &error))
		return fail("", &error);
	config_fill(&config, o, data, access);
	int r = engine_open(engine, data, config.argv, &error) ? fail("", &error)
							       : serve(engine, o, &secrets, &stop);
	limit_close();
	engine_close(engine);
	return r;
}
