/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <ctype.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/doc.h"

static void clear_environment(void)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		char name[OPTION_ENVIRONMENT_MAX];
		if (*option_environment(o, name))
			unsetenv(name);
	}
}

static int setup(void **state)
{
	clear_environment();
	return 0;
}

/* Most flags of one test. */
#define ARGS_MAX 8

static int load(struct config *c, char *error, size_t size, const char *const *flags)
{
	char *argv[ARGS_MAX + 2] = {(char *)"xtcp2"};
	int argc = 1;

	assert_int_equal(config_init(c), 0);
	while (flags[argc - 1]) {
		assert_true(argc >= 1 && argc <= ARGS_MAX);
		argv[argc] = (char *)flags[argc - 1];
		argc++;
	}
	error[0] = '\0';
	return config_load(c, argc, argv, error, size);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_loads(struct config *c, const char *const *flags)
{
	char error[256];
	if (load(c, error, sizeof(error), flags) != 0)
		fail_msg("refused: %s", error);
}

static void assert_refused(const char *const *flags, const char *message)
{
	struct config c;
	char error[256];

	assert_int_equal(load(&c, error, sizeof(error), flags), -EINVAL);
	assert_string_equal(error, message);
	config_free(&c);
}

/* In every row the default is accepted and written back unchanged, and the limits are valid and in order. */
static void every_row_is_sound(void **state)
{
	struct config c;
	char error[256];

	assert_int_equal(config_init(&c), 0);
	for (const struct option_info *o = option_table; o->flag; o++) {
		_cleanup_buf_ struct buf before = {0}, after = {0};
		config_get_text(&c, o, &before);
		if (config_set(&c, o, o->default_text, error, sizeof(error)) != 0)
			fail_msg("%s", error);
		config_get_text(&c, o, &after);
		assert_string_equal(buf_cstr(&before), buf_cstr(&after));
		if (*o->min && o->type != OPTION_CHOICE)
			assert_int_equal(config_set(&c, o, o->min, error, sizeof(error)), 0);
		if (*o->max)
			assert_int_equal(config_set(&c, o, o->max, error, sizeof(error)), 0);
		assert_ptr_equal(option_find(o->flag), o);
		assert_true(*option_group(o) && *o->help && !ispunct(o->help[strlen(o->help) - 1]));
		for (const struct option_info *p = option_table; p < o; p++) {
			char a[OPTION_ENVIRONMENT_MAX], b[OPTION_ENVIRONMENT_MAX];
			assert_true(!o->proto_field || o->proto_field != p->proto_field);
			assert_true(!*option_environment(o, a) || strcmp(a, option_environment(p, b)) != 0);
		}
	}
	config_free(&c);
	assert_int_equal(config_init(&c), 0);
	assert_int_equal(config_check(&c, error, sizeof(error)), 0);
	config_free(&c);
	config_free(&c);
}

static void environment_names_are_upper_snake_case(void **state)
{
	static const struct {
		const char *flag, *name;
	} rows[] = {
	    {"frequency", "XTCP_FREQUENCY"},
	    {"pollJitterPct", "XTCP_POLL_JITTER_PCT"},
	    {"ioUringCqeBatch", "XTCP_IO_URING_CQE_BATCH"},
	    {"kafkaSchemaUrl", "XTCP_KAFKA_SCHEMA_URL"},
	    {"d", "XTCP_D"},
	    {"config", "XTCP_CONFIG"},
	    {"help", ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[OPTION_ENVIRONMENT_MAX];
		assert_string_equal(option_environment(option_find(rows[i].flag), name), rows[i].name);
	}
}

static void flags_come_in_all_spellings(void **state)
{
	struct config c;

	assert_loads(&c, ARGS("-frequency", "20s", "--timeout=1500ms", "-ioUring", "-d", "11", "-label="));
	assert_int_equal(c.frequency_ns, 20 * NS_PER_SEC);
	assert_int_equal(c.timeout_ns, 1500 * NS_PER_MS);
	assert_true(c.io_uring);
	assert_int_equal(c.debug_level, 11);
	assert_string_equal(c.label, "");
	config_free(&c);

	assert_loads(
	    &c, ARGS("-reconcileBeforePoll=false", "--dest", "unix:/run/a=b", "-tag", "-x", "-tag=y", "--"));
	assert_false(c.reconcile_before_poll);
	assert_string_equal(c.dest, "unix:/run/a=b");
	assert_string_equal(c.tag, "y");
	config_free(&c);

	/* -help and -v answer even if other values are wrong. */
	assert_loads(&c, ARGS("-frequency", "never", "-h"));
	assert_true(c.print_help);
	config_free(&c);
	assert_loads(&c, ARGS("-version", "-config", "/nonexistent"));
	assert_true(c.print_version);
	config_free(&c);
}

static const struct {
	const char *flags[4];
	const char *message;
} bad_flags[] = {
    {{"-frequency", "0s"}, "-frequency 0s: must be between 1ms and 168h"},
    {{"--frequency=169h"}, "-frequency 169h: must be between 1ms and 168h"},
    {{"-frequency", "10"},
     "-frequency 10: must be a duration such as 10s, 250ms or 1h30m, between 1ms and 168h"},
    {{"-frequency", "-1s"},
     "-frequency -1s: must be a duration such as 10s, 250ms or 1h30m, between 1ms and 168h"},
    {{"-frequency", "99999999999h"}, "-frequency 99999999999h: must be between 1ms and 168h"},
    {{"-frequency", ""}, "-frequency : must be a duration such as 10s, 250ms or 1h30m, between 1ms and 168h"},
    {{"-frequency", "5s"}, "-frequency 5s: must be longer than -timeout, which is 5s"},
    {{"-netlinkers", "0"}, "-netlinkers 0: must be between 1 and 64"},
    {{"-netlinkers", "4x"}, "-netlinkers 4x: must be a whole number between 1 and 64"},
    {{"-netlinkers", " 4"}, "-netlinkers  4: must be a whole number between 1 and 64"},
    {{"-netlinkers", "+4"}, "-netlinkers +4: must be a whole number between 1 and 64"},
    {{"-netlinkers", "-4"}, "-netlinkers -4: must be a whole number between 1 and 64"},
    {{"-netlinkers", "4294967300"}, "-netlinkers 4294967300: must be between 1 and 64"},
    {{"-nlmsgSeq", "4294967296"}, "-nlmsgSeq 4294967296: must be between 0 and 4294967295"},
    {{"-maxLoops", "18446744073709551616"},
     "-maxLoops 18446744073709551616: must be between 0 and 18446744073709551615"},
    {{"-maxLoops", "1\n2"}, "-maxLoops 1?2: must be a whole number between 0 and 18446744073709551615"},
    {{"-d", "1001"}, "-d 1001: must be between 0 and 1000"},
    {{"-d", "debg"},
     "-d debg: must be error, warning, notice, info or debug, or a number between 0 and 1000; did you "
     "mean debug?"},
    {{"-owners", "of"}, "-owners of: must be on, auto or off; did you mean off?"},
    {{"-source", "ebpf"}, "-source ebpf: must be netlink, bpf or auto; did you mean bpf?"},
    {{"-seccomp", "maybe"}, "-seccomp maybe: must be on, log or off"},
    {{"-ioUring=maybe"}, "-ioUring maybe: must be true or false"},
    {{"-frequancy", "1s"}, "-frequancy: no such flag; did you mean -frequency? (see -help)"},
    {{"-MARSHAL=csv"}, "-MARSHAL: no such flag; did you mean -marshal? (see -help)"},
    {{"-prom", ":1"}, "-prom: no such flag; did you mean -promListen? (see -help)"},
    {{"-xyzzy"}, "-xyzzy: no such flag (see -help)"},
    {{"---dest", "null"}, "--dest: no such flag; did you mean -dest? (see -help)"},
    {{"-=x"}, "-: no such flag (see -help)"},
    {{"-dest"}, "-dest: needs a value (text)"},
    {{"-dest", "-marshal", "csv"}, "-dest: needs a value (text)"},
    {{"stdout"},
     "stdout: not a flag; flags begin with a dash and are followed by their value, true or false "
     "after = (see -help)"},
    {{"-ioUring", "true"},
     "true: not a flag; flags begin with a dash and are followed by their value, true or false after "
     "= (see -help)"},
    {{"--", "x"},
     "x: not a flag; flags begin with a dash and are followed by their value, true or false after = "
     "(see -help)"},
    {{"-packetSize", "512"}, "-packetSize 512: must be 0 or at least 4096"},
    {{"-promPath", "metrics"}, "-promPath metrics: must begin with /"},
    {{"-promPath", "/readyz"}, "-promPath /readyz: is taken by the health check"},
    {{"-promListen=", "-healthcheck"}, "-healthcheck: needs -promListen, which is empty"},
    {{"-destQueueBytes", "65536", "-envelopeFlushBytes=65537"},
     "-destQueueBytes 65536: must hold one envelope of -envelopeFlushBytes 65537"},
    {{"-writeFiles=1", "-capturePath="},
     "-capturePath: must name a directory for -writeFiles and -destWriteFiles"},
    {{"-dest", ""}, "-dest: must not be empty; null discards records"},
    {{"-config", "/nonexistent/x.json"}, "-config /nonexistent/x.json: No such file or directory"},
    {{"-config", "/"}, "-config /: Is a directory"},
};

static void bad_flags_are_refused_in_one_line(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_flags); i++)
		assert_refused(bad_flags[i].flags, bad_flags[i].message);
}

/* A file of the given content; the path lives in path[]. Returns its fd. */
static int file_of(const char *content, char path[static 64])
{
	int fd = memfd_create("config", 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void flags_win_over_environment_over_file(void **state)
{
	char path[64];
	_cleanup_close_ int fd = file_of(
	    "{\"label\": \"file\", \"tag\": \"file\", \"location\": \"file\", \"ioUring\": true}", path);
	struct config c;

	setenv("XTCP_TAG", "environment", 1);
	setenv("XTCP_LOCATION", "environment", 1);
	setenv("XTCP_FREQUENCY", "1m", 1);
	assert_loads(&c, ARGS("-location", "flag", "-config", path));
	assert_string_equal(c.label, "file");
	assert_string_equal(c.tag, "environment");
	assert_string_equal(c.location, "flag");
	assert_string_equal(c.topic, "xtcp");
	assert_true(c.io_uring);
	assert_int_equal(c.frequency_ns, 60 * NS_PER_SEC);
	config_free(&c);

	setenv("XTCP_CONFIG", path, 1);
	assert_loads(&c, ARGS("-ioUring=false"));
	assert_string_equal(c.label, "file");
	assert_false(c.io_uring);
	config_free(&c);

	setenv("XTCP_CONFIG", "/nonexistent", 1);
	assert_loads(&c, ARGS("-config", path));
	assert_string_equal(c.label, "file");
	config_free(&c);
	unsetenv("XTCP_CONFIG");

	setenv("XTCP_FREQUENCY", "soon", 1);
	assert_refused(
	    ARGS("-d", "5"),
	    "XTCP_FREQUENCY=soon: must be a duration such as 10s, 250ms or 1h30m, between 1ms and 168h");
	clear_environment();
}

static void bad_json_is_refused_in_one_line(void **state)
{
	static const struct {
		const char *json, *message;
	} rows[] = {
	    {"", "line 1, column 0: not JSON: '[' or '{' expected"},
	    {"[]", "must hold one JSON object of options, as -conf prints it"},
	    {"{\"frequancy\": \"1s\"}", "\"frequancy\": no such option; did you mean \"frequency\"?"},
	    {"{\"q\": 1}", "\"q\": no such option"},
	    {"{\"help\": true}", "\"help\": is for the command line only"},
	    {"{\"config\": \"x\"}", "\"config\": is for the command line only"},
	    {"{\"frequency\": 10}", "\"frequency\": must be a string with a duration, such as \"10s\""},
	    {"{\"frequency\": \"0s\"}", "\"frequency\": 0s: must be between 1ms and 168h"},
	    {"{\"netlinkers\": -1}", "\"netlinkers\": -1: must be a whole number between 1 and 64"},
	    {"{\"netlinkers\": 1.5}", "\"netlinkers\": must be a whole number"},
	    {"{\"netlinkers\": null}", "\"netlinkers\": must be a whole number"},
	    {"{\"ioUring\": 1}", "\"ioUring\": must be true or false"},
	    {"{\"label\": [\"a\"]}", "\"label\": must be a string"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config c;
		char error[256];
		assert_int_equal(config_init(&c), 0);
		assert_int_equal(
		    config_load_json(&c, rows[i].json, strlen(rows[i].json), error, sizeof(error)), -EINVAL);
		assert_string_equal(error, rows[i].message);
		config_free(&c);
	}
	struct config c;
	char error[256];
	static const char twice[] = "{\"d\": 1, \"d\": 2}";
	assert_int_equal(config_init(&c), 0);
	assert_int_equal(config_load_json(&c, twice, strlen(twice), error, sizeof(error)), -EINVAL);
	assert_int_equal(config_load_json(&c, NULL, 0, error, sizeof(error)), -EINVAL);
	config_free(&c);
}

static void json_reads_what_it_writes(void **state)
{
	struct config a, b;
	char error[256];
	_cleanup_buf_ struct buf first = {0}, second = {0};

	assert_loads(&a, ARGS("-maxLoops=18446744073709551615", "-label", "\"q\" \\ \xc3\xa9", "-frequency",
			      "1m0.5s", "-ioUring", "-conf"));
	config_to_json(&a, &first);
	assert_true(buf_ok(&first));
	assert_int_equal(config_init(&b), 0);
	if (config_load_json(&b, (char *)first.data, first.len, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	config_to_json(&b, &second);
	assert_string_equal(buf_cstr(&first), buf_cstr(&second));
	assert_true(b.max_loops == UINT64_MAX && b.io_uring && !b.print_conf);
	assert_int_equal(b.frequency_ns, 60500 * NS_PER_MS);
	assert_string_equal(b.label, a.label);
	config_free(&a);
	config_free(&b);
}

static void credentials_are_not_shown(void **state)
{
	static const struct {
		const char *value, *shown;
	} rows[] = {
	    {"http://u:p@ss@host:80/a@b:c", "http://u:@host:80/a@b:c"},
	    {"https://host:8443/x?token=abc&n=1", "https://host:8443/x?token=&n=1"},
	    {"http://user@host/", "http://user@host/"},
	    {"sasl.username=u;sasl.password=p=w;linger.ms=5", "sasl.username=u;sasl.password=;linger.ms=5"},
	    {"SSL.Key.Password=x", "SSL.Key.Password="},
	    {"tcp:[::1]:13000", "tcp:[::1]:13000"},
	    {"a=b", "a=b"},
	};
	struct config c;
	char error[256];
	const struct option_info *dest = option_find("dest");

	assert_int_equal(config_init(&c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf b = {0}, json = {0};
		assert_int_equal(config_set(&c, dest, rows[i].value, error, sizeof(error)), 0);
		config_get_public_text(&c, dest, &b);
		assert_string_equal(buf_cstr(&b), rows[i].shown);
		config_to_json(&c, &json);
		assert_non_null(strstr(buf_cstr(&json), rows[i].shown));
	}
	config_free(&c);
}

static void a_password_file_goes_into_the_url(void **state)
{
	static const struct {
		const char *dest, *becomes; /* NULL: refused */
	} cases[] = {
	    {"http://default@127.0.0.1:18123/?query=a@b",
	     "http://default:a%3Ab%2F%40c@127.0.0.1:18123/?query=a@b"},
	    {"https://u@[::1]/", "https://u:a%3Ab%2F%40c@[::1]/"},
	    {"http://127.0.0.1:18123/?query=a@b", NULL},
	    {"http://@host/", NULL},
	    {"http://u:p@host/", NULL},
	    {"tcp:host:1", NULL},
	};
	char path[] = "/tmp/xtcp2-password-XXXXXX", error[512];
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, "a:b/@c\nrest", 11) == 11);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c;

		assert_int_equal(config_init(&c), 0);
		assert_int_equal(config_set(&c, option_find("dest"), cases[i].dest, error, sizeof(error)), 0);
		assert_int_equal(config_set(&c, option_find("destPasswordFile"), path, error, sizeof(error)),
				 0);
		assert_int_equal(config_secrets(&c, error, sizeof(error)), cases[i].becomes ? 0 : -EINVAL);
		assert_string_equal(c.dest, cases[i].becomes ? cases[i].becomes : cases[i].dest);
		/* The file is read once: after a restart in place the password is in the URL. */
		if (cases[i].becomes)
			assert_string_equal(c.dest_password_file, "");
		config_free(&c);
	}
	unlink(path);
}

static void assert_text(const struct config *c, const char *flag, const char *text)
{
	_cleanup_buf_ struct buf b = {0};

	config_get_text(c, option_find(flag), &b);
	assert_string_equal(buf_cstr(&b) ? buf_cstr(&b) : "", text);
}

static void assert_public_text(const struct config *c, const char *flag, const char *text)
{
	_cleanup_buf_ struct buf b = {0};

	config_get_public_text(c, option_find(flag), &b);
	assert_string_equal(buf_cstr(&b) ? buf_cstr(&b) : "", text);
}

static void lists_have_no_blanks(void **state)
{
	struct config c;

	assert_loads(&c, ARGS("-netnsDirs", " /a b , /c,\t/d ", "-groups", "x , y", "-columns", "a, b",
			      "-states", " all "));
	assert_text(&c, "netnsDirs", "/a b,/c,/d");
	assert_text(&c, "groups", "x,y");
	assert_text(&c, "columns", "a,b");
	assert_text(&c, "states", "all");
	config_free(&c);
}

static void strings_are_utf8(void **state)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		struct config c;
		char error[256];
		if (!option_is_string(o) || o->type == OPTION_CHOICE)
			continue;
		assert_int_equal(config_init(&c), 0);
		assert_int_equal(config_set(&c, o, "x=Z\xfcrich", error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, "must be UTF-8"));
		assert_null(strstr(error, "rich"));
		assert_int_equal(config_set(&c, o, "x=Z\xc3\xbcrich", error, sizeof(error)), 0);
		config_free(&c);
	}
}

/* Every word of the table is taken in any case and kept as the table has it; an empty one is the default. */
static void choices_are_words(void **state)
{
	char error[256], upper[32];
	struct config c;
	int choices = 0;

	assert_int_equal(config_init(&c), 0);
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (o->type != OPTION_CHOICE)
			continue;
		_cleanup_free_ char *words = strdup(o->min);
		char *rest = words;
		for (char *word; (word = strsep(&rest, "|"));) {
			_cleanup_buf_ struct buf now = {0};
			for (size_t i = 0; i <= strlen(word); i++)
				upper[i] = (char)toupper((unsigned char)word[i]);
			assert_int_equal(config_set(&c, o, upper, error, sizeof(error)), 0);
			config_get_text(&c, o, &now);
			assert_string_equal(buf_cstr(&now), word);
		}
		assert_int_equal(config_set(&c, o, "", error, sizeof(error)), 0);
		assert_text(&c, o->flag, o->default_text);
		assert_int_equal(config_set(&c, o, "Z\xfcrich", error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, " Z?rich: must be "));
		choices++;
	}
	assert_true(choices >= 5);
	config_free(&c);
}

static void levels_have_names(void **state)
{
	static const struct {
		const char *text;
		unsigned level;
	} rows[] = {{"error", 3}, {"warning", 4}, {"notice", 5}, {"INFO", 6},
		    {"debug", 7}, {"warn", 4},	  {"7", 7}};
	struct config c;
	char error[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_loads(&c, ARGS("-d", rows[i].text));
		assert_int_equal(c.debug_level, rows[i].level);
		config_free(&c);
	}
	static const char json[] = "{\"d\": \"debug\"}";
	assert_int_equal(config_init(&c), 0);
	assert_int_equal(config_load_json(&c, json, strlen(json), error, sizeof(error)), 0);
	assert_int_equal(c.debug_level, 7);
	config_free(&c);
}

/* Later ones are merged into earlier ones; a value may hold any character. */
static void kafka_properties_are_merged(void **state)
{
	static const char json[] =
	    "{\"kafkaConfig\": \"security.protocol=SASL_SSL; sasl.username=u;acks=1\"}";
	struct config c;
	char error[256];

	assert_int_equal(config_init(&c), 0);
	assert_int_equal(config_load_json(&c, json, strlen(json), error, sizeof(error)), 0);
	assert_int_equal(config_set(&c, option_find("kafkaConfig"),
				    "sasl.password=a\\;b\\\\c\\d=e,f;acks=all", error, sizeof(error)),
			 0);
	assert_string_equal(c.kafka_config, "security.protocol=SASL_SSL;sasl.username=u;acks=all;"
					    "sasl.password=a\\;b\\c\\d=e,f");
	assert_public_text(&c, "kafkaConfig",
			   "security.protocol=SASL_SSL;sasl.username=u;acks=all;sasl.password=");
	assert_true(config_kafka_secret(&c));
	config_free(&c);
	/* A value whose semicolon is not escaped looks like more settings, which are shown to nobody. */
	assert_loads(&c, ARGS("-kafkaConfig", "sasl.password=pa;ss=word;Key=x;SharedAccessKey=y"));
	assert_public_text(&c, "kafkaConfig", "sasl.password=");
	config_free(&c);
	assert_refused(ARGS("-kafkaConfig", "sasl.password=pa;s3cr3t"), "-kafkaConfig: setting 2 has no =");
	assert_refused(ARGS("-kafkaConfig", "a.b=1;a.b=2"),
		       "-kafkaConfig: setting 2 has a name that is there already");
	assert_refused(ARGS("-kafkaConfig", "=s3cr3t"), "-kafkaConfig: setting 1 has no name");
	assert_refused(
	    ARGS("-kafkaConfig", "sasl.password=pa", "s3cr3t"),
	    "the argument after the value of -kafkaConfig: not a flag; flags begin with a dash and are "
	    "followed by their value, true or false after = (see -help)");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* librdkafka's own form, as an editor of another system may have saved it, and a password beside it. */
static void kafka_secrets_come_from_files(void **state)
{
	char directory[] = "/tmp/xtcp2-secrets-XXXXXX", properties[64], password[64], error[256];
	struct config c;

	assert_non_null(mkdtemp(directory));
	snprintf(properties, sizeof(properties), "%s/kafka.properties", directory);
	snprintf(password, sizeof(password), "%s/password", directory);
	write_file(properties, "\xef\xbb\xbf# ours\r\n\r\nsasl.username = $ConnectionString\r\nacks=1\r\n"
			       "ssl.key.password=Endpoint=sb://x/;Key=k\\\r\n");
	write_file(password, "\xef\xbb\xbf"
			     "s3;cr3t\r\nmore");
	/* A name without a slash is one of the credentials that systemd or a container runtime hands over. */
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	assert_loads(&c, ARGS("-kafkaConfigFile", "kafka.properties", "-kafkaPasswordFile", password,
			      "-kafkaConfig", "acks=all"));
	assert_int_equal(config_secrets(&c, error, sizeof(error)), 0);
	assert_string_equal(c.kafka_config,
			    "sasl.username=$ConnectionString;acks=all;"
			    "ssl.key.password=Endpoint=sb://x/\\;Key=k\\\\;sasl.password=s3\\;cr3t");
	assert_text(&c, "kafkaConfigFile", "");
	assert_text(&c, "kafkaPasswordFile", "");
	config_free(&c);

	write_file(properties, "acks=1\nsasl.password\n");
	assert_loads(&c, ARGS("-kafkaConfigFile", properties));
	assert_int_equal(config_secrets(&c, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "kafka.properties: line 2 has no ="));
	config_free(&c);
	assert_loads(&c, ARGS("-kafkaPasswordFile", "password", "-kafkaConfig", "sasl.password=x"));
	assert_int_equal(config_secrets(&c, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "already"));
	config_free(&c);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_loads(&c, ARGS("-kafkaPasswordFile", "no-such-credential"));
	assert_int_equal(config_secrets(&c, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "-kafkaPasswordFile no-such-credential: No such file or directory");
	config_free(&c);
	unlink(properties);
	unlink(password);
	rmdir(directory);
}

/* What a bad file holds is in no error: it may be a secret. */
static void errors_of_a_file_quote_nothing(void **state)
{
	static const char *const bad[] = {"{\"kafkaConfig\": s3cr3t}", "{\"kafkaConfig\": \"x\" \"s3cr3t\"}",
					  "{\"label\": \"s3cr3t", "s3cr3t: 1",
					  "{\"kafkaConfig\": \"a=b;s3cr3t\"}"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config c;
		char error[256];
		assert_int_equal(config_init(&c), 0);
		assert_int_equal(config_load_json(&c, bad[i], strlen(bad[i]), error, sizeof(error)), -EINVAL);
		if (strstr(error, "s3cr3t"))
			fail_msg("%s", error);
		config_free(&c);
	}
}

/* Every way to write an address means the same as in -promListen. */
static void the_grpc_address_may_have_a_port(void **state)
{
	static const struct {
		const char *text, *host;
		uint32_t port;
	} rows[] = {
	    {"*:9000", "*", 9000},
	    {":9000", "*", 9000},
	    {"*", "*", 8889},
	    {"localhost", "localhost", 8889},
	    {"localhost:1", "localhost", 1},
	    {"[::]:9000", "::", 9000},
	    {"::1", "::1", 8889},
	    {"[::1]", "[::1]", 8889},
	    {"0.0.0.0:7", "0.0.0.0", 7},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config c;
		assert_loads(&c, ARGS("-grpcInsecure", "-grpcListen", rows[i].text));
		assert_string_equal(c.grpc_listen, rows[i].host);
		assert_int_equal(c.grpc_port, rows[i].port);
		config_free(&c);
	}
	/* What other hosts may reach is not open to them by mistake, however it is written. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config c;
		char error[512];
		bool loopback = strstr(rows[i].text, "localhost") || strstr(rows[i].text, "::1");
		int r = load(&c, error, sizeof(error), ARGS("-grpcListen", rows[i].text));
		assert_int_equal(r, loopback ? 0 : -EINVAL);
		config_free(&c);
	}
}

static void documents_name_every_option(void **state)
{
	static const struct doc_row rows[] = {{"tcp:HOST:PORT", "a stream | of envelopes"}, {0}};
	static const struct doc_section sections[] = {{"Destinations", "dest", rows}, {0}};
	struct buf docs[5] = {0};

	doc_help(&docs[0], sections);
	doc_man(&docs[1], sections);
	doc_complete(&docs[2], sections);
	doc_complete(&docs[3], NULL);
	doc_markdown(&docs[4]);
	for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
		const char *text = buf_cstr(&docs[i]);
		assert_non_null(text);
		for (const struct option_info *o = option_table; o->flag; o++) {
			char flag[OPTION_ENVIRONMENT_MAX + 4];
			snprintf(flag, sizeof(flag), i == 1 ? ".BI \\-%s" : "-%s", o->flag);
			if (!strstr(text, flag))
				fail_msg("document %zu lacks -%s", i, o->flag);
		}
		if (i < 3)
			assert_non_null(strstr(text, "tcp"));
	}
	/* -help fits into the width of a terminal. */
	for (char *line = strtok((char *)docs[0].data, "\n"); line; line = strtok(NULL, "\n")) {
		if (strlen(line) > 80)
			fail_msg("too wide: %s", line);
	}
	_cleanup_buf_ struct buf table = {0};
	doc_markdown_section(&table, sections);
	assert_string_equal(
	    buf_cstr(&table),
	    "| Destinations | |\n| --- | --- |\n| `tcp:HOST:PORT` | a stream \\| of envelopes |\n");
	for (size_t i = 0; i < 5; i++)
		buf_free(&docs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(every_row_is_sound, setup),
	    cmocka_unit_test_setup(environment_names_are_upper_snake_case, setup),
	    cmocka_unit_test_setup(flags_come_in_all_spellings, setup),
	    cmocka_unit_test_setup(bad_flags_are_refused_in_one_line, setup),
	    cmocka_unit_test_setup(flags_win_over_environment_over_file, setup),
	    cmocka_unit_test_setup(bad_json_is_refused_in_one_line, setup),
	    cmocka_unit_test_setup(json_reads_what_it_writes, setup),
	    cmocka_unit_test_setup(credentials_are_not_shown, setup),
	    cmocka_unit_test_setup(lists_have_no_blanks, setup),
	    cmocka_unit_test_setup(strings_are_utf8, setup),
	    cmocka_unit_test_setup(choices_are_words, setup),
	    cmocka_unit_test_setup(levels_have_names, setup),
	    cmocka_unit_test_setup(kafka_properties_are_merged, setup),
	    cmocka_unit_test_setup(kafka_secrets_come_from_files, setup),
	    cmocka_unit_test_setup(errors_of_a_file_quote_nothing, setup),
	    cmocka_unit_test_setup(the_grpc_address_may_have_a_port, setup),
	    cmocka_unit_test_setup(a_password_file_goes_into_the_url, setup),
	    cmocka_unit_test_setup(documents_name_every_option, setup),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
