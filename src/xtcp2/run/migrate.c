/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The earlier program let its variables win over its flags, and ignored a variable that does not
 * parse; so does this. Each value goes through option_assign() of a fresh configuration: what is
 * out of range here is said and left at its default. Defaults that differ, and that a host which
 * sets nothing relies on, are written out. The file has only what is not the default, so that it
 * stays short and later defaults are taken.
 */
#include "run/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/credentials.h"
#include "base/log.h"
#include "base/standard_fds.h"
#include "config/config.h"
#include "dest/dest.h"

enum how {
	SAME,
	AT_MOST,
	NOT_ZERO,
	DESERIALIZERS,
	DEST,
	MARSHAL,
	CODEC,
	LEVEL,
	S3_STORE,
	NOTED,
	OPTION_OR_GONE,
	GONE,
	ACTION
};

static const struct earlier {
	const char *flag, *variable;
	enum how how;
	const char *option, *note;
} table[] = {
#define EARLIER(flag, variable, how, option, note) {flag, variable, how, option, note},
#include "run/migrate.def"
#undef EARLIER
};

/* What the earlier one did where nothing was said, and this one does not. */
static const struct {
	const char *flag, *value, *why;
} defaults[] = {
    {"dest", "kafka:redpanda-0:9092", "the earlier default"},
    {"marshal", "protobufList", "the earlier default"},
    {"promListen", ":9088",
     "the earlier default, which other hosts reach; 127.0.0.1:9088 is the default here"},
    {"reconcileFrequency", "6h", "the earlier default"},
};

/* Flags without a separate value. */
static const char *const switches[] = {
    "healthcheck",
    "conf",
    "v",
    "ioUring",
    "reconcileBeforePoll",
    "resolveContainerId",
    "enrichContainer",
    "enrichLldp",
    "enrichNic",
    "populateNsid",
    "s3SkipBucketProbe",
    "protobufListLengthDelimit",
    NULL,
};

struct migration {
	struct config config;
	const char *given[ARRAY_SIZE(table)]; /* the value, NULL for none */
	bool variable[ARRAY_SIZE(table)];     /* it is from the environment */
};

static void note(const struct migration *m, size_t i, const char *text)
{
	if (m->variable[i])
		fprintf(stderr, "xtcp2: %s: %s\n", table[i].variable, text);
	else
		fprintf(stderr, "xtcp2: -%s: %s\n", table[i].flag, text);
}

/* Set an option; a value that is refused is said, without it, and leaves the option alone. */
static bool take(struct migration *m, size_t i, const char *flag, const char *value)
{
	const struct option_info *o = option_find(flag);
	char error[256], text[400];

	if (o && config_set(&m->config, o, value, error, sizeof(error)) == 0)
		return true;
	snprintf(text, sizeof(text), "not taken over: %s", o ? error : "no such option");
	note(m, i, text);
	return false;
}

/* Take a number that is too large as the largest. */
static void take_at_most(struct migration *m, size_t i, const char *value)
{
	const struct option_info *o = option_find(table[i].option);
	char text[120];

	if (strtoull(value, NULL, 10) > strtoull(o->max, NULL, 10)) {
		snprintf(text, sizeof(text), "%.20s is taken as %s, the most that is possible", value,
			 o->max);
		note(m, i, text);
		value = o->max;
	}
	if (take(m, i, o->flag, value) && *table[i].note)
		note(m, i, table[i].note);
}

static bool is_zero(const char *value)
{
	return value[strspn(value, "0smhun")] == '\0';
}

static bool has_scheme(const char *dest)
{
	for (const struct dest_scheme *s = dest_table; s->scheme; s++) {
		if (strlen(s->scheme) == strcspn(dest, ":") &&
		    strncmp(s->scheme, dest, strlen(s->scheme)) == 0)
			return true;
	}
	return false;
}

/* The value that was given for a flag, "" for none. */
static const char *given(const struct migration *m, const char *flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].flag, flag) == 0)
			return m->given[i] ? m->given[i] : "";
	}
	return "";
}

/* s3parquet: with its bucket and prefix in flags of their own. */
static void take_s3(struct migration *m, size_t i)
{
	char dest[600];

	snprintf(dest, sizeof(dest), "s3://%s%s%s", given(m, "s3Bucket"), *given(m, "s3Prefix") ? "/" : "",
		 given(m, "s3Prefix"));
	take(m, i, "dest", dest);
	take(m, i, "marshal", "parquet");
}

/* nsq:HOST:PORT: nsqd takes messages over HTTP, too, at another port. */
static void take_nsq(struct migration *m, size_t i, const char *address)
{
	const char *topic = *given(m, "topic") ? given(m, "topic") : "xtcp";
	char dest[600];

	snprintf(dest, sizeof(dest), "http://%.*s:4151/pub?topic=%s", (int)(strrchr(address, ':') - address),
		 address, topic);
	take(m, i, "dest", dest);
	note(m, i, "records go to nsqd over HTTP: the port is that of its -http-address, 4151 by default");
}

static void take_dest(struct migration *m, size_t i, const char *value)
{
	char text[200];

	if (strncmp(value, "s3parquet", strlen("s3parquet")) == 0 && *given(m, "s3Bucket")) {
		take_s3(m, i);
		return;
	}
	if (strncmp(value, "nsq:", strlen("nsq:")) == 0 && strchr(value + strlen("nsq:"), ':')) {
		take_nsq(m, i, value + strlen("nsq:"));
		return;
	}
	if (has_scheme(value)) {
		take(m, i, "dest", value);
		if (strncmp(value, "valkey:", strlen("valkey:")) == 0) {
			take(m, i, "valkeyCommand", "publish");
			note(m, i, "publishes, as before; -valkeyCommand xadd makes entries that are kept");
		}
		if (strncmp(value, "nats:", strlen("nats:")) == 0)
			note(m, i, "the subject -topic needs a stream of JetStream, which confirms messages");
		if (credentials_present(value))
			note(m, i,
			     "the file holds a password: keep it from others, or use -destPasswordFile");
		return;
	}
	snprintf(text, sizeof(text),
		 "no counterpart: there is no destination %.*s:; the file says null, which discards records",
		 (int)strcspn(value, ":"), value);
	note(m, i, text);
	take(m, i, "dest", "null");
}

static void take_marshal(struct migration *m, size_t i, const char *value)
{
	/* Chosen with the destination. */
	if (strcmp(m->config.marshal, "parquet") == 0)
		return;
	static const struct {
		const char *earlier, *here;
		bool json_names;
		const char *note;
	} rows[] = {
	    {"protobufList", "protobufList", false, ""},
	    {"protobufSingle", "protobufList", false,
	     "is protobufList here: an Envelope with several rows, and the length in front"},
	    {"protoDelim", "protobufList", false, "is protobufList here: an Envelope with several rows"},
	    {"protoJson", "protoJson", false, ""},
	    {"protoText", "protoText", false, ""},
	    {"msgpack", "msgpack", true,
	     "one map per record here, with the JSON names (-names); the earlier one had one Envelope with Go's names"},
	    {"jsonl", "jsonl", true,
	     "has the same names (-names json), but addresses and states in words and 64-bit values as numbers; "
	     "protoJson has all values as before"},
	    {"csv", "csv", true, "has the same names (-names json), but addresses and states in words"},
	    {"tsv", "tsv", true, "has the same names (-names json), but addresses and states in words"},
	    {"humanize", "text", false, "is text here"},
	};

	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		if (strcmp(rows[k].earlier, value) != 0)
			continue;
		take(m, i, "marshal", rows[k].here);
		if (rows[k].json_names)
			take(m, i, "names", "json");
		if (*rows[k].note)
			note(m, i, rows[k].note);
		return;
	}
	note(m, i, "not taken over: not a format of the earlier xtcp2");
}

static void take_codec(struct migration *m, size_t i, const char *value)
{
	if (strcmp(value, "gzip") == 0)
		note(m, i, "gzip is not offered: auto chooses among zstd, lz4, snappy and none");
	else
		take(m, i, table[i].option, *value ? value : "auto");
}

static void take_store(struct migration *m, size_t i, const char *value)
{
	if (strncmp(value, "http://", 7) != 0 && strncmp(value, "https://", 8) != 0)
		note(m, i, "not taken over: must begin with http:// or https://");
	else if (take(m, i, table[i].option, value))
		take(m, i, "s3PathStyle", "true");
}

static void take_one(struct migration *m, size_t i)
{
	const struct earlier *e = &table[i];
	const char *value = m->given[i];
	char text[300];

	switch (e->how) {
	case SAME:
		if (take(m, i, e->option, value) && *e->note)
			note(m, i, e->note);
		return;
	case AT_MOST:
		take_at_most(m, i, value);
		return;
	case NOT_ZERO:
		if (is_zero(value))
			note(m, i, e->note);
		else
			take(m, i, e->option, value);
		return;
	case DESERIALIZERS:
		take(m, i, e->option, *value ? value : "none");
		return;
	case DEST:
		take_dest(m, i, value);
		return;
	case MARSHAL:
		take_marshal(m, i, value);
		return;
	case CODEC:
		take_codec(m, i, value);
		return;
	case S3_STORE:
		take_store(m, i, value);
		return;
	case NOTED:
		note(m, i, e->note);
		return;
	case LEVEL:
		take(m, i, e->option, strtoul(value, NULL, 10) > 111 ? "7" : "6");
		note(m, i, e->note);
		return;
	case OPTION_OR_GONE:
		if (option_find(e->option) && strcmp(e->option, "ipv4Ttl") != 0 &&
		    strcmp(e->option, "ipv6HopLimit") != 0) {
			take(m, i, e->option, value);
			return;
		}
		/* fallthrough */
	case GONE:
		snprintf(text, sizeof(text), "no counterpart: %s", e->note);
		note(m, i, text);
		return;
	case ACTION:
		note(m, i, "asks for something and sets nothing; the flag is the same here");
		return;
	}
}

static size_t find_flag(const char *name, size_t len)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(table) &&
	       !(len && strlen(table[i].flag) == len && memcmp(table[i].flag, name, len) == 0))
		i++;
	return i;
}

static bool is_switch(const char *flag)
{
	for (size_t i = 0; switches[i]; i++) {
		if (strcmp(switches[i], flag) == 0)
			return true;
	}
	return false;
}

/* Read the flags as Go's package flag does. Return false, said, if one is not of the earlier xtcp2. */
static bool read_flags(struct migration *m, int argc, char *const *argv)
{
	for (int k = 0; k < argc; k++) {
		const char *name = argv[k];
		if (strcmp(name, "--") == 0)
			continue;
		name += (*name == '-') + (name[0] == '-' && name[1] == '-');
		size_t len = strcspn(name, "=");
		size_t i = name == argv[k] ? ARRAY_SIZE(table) : find_flag(name, len);
		if (i == ARRAY_SIZE(table)) {
			/* Not the argument as a whole: it may be a part of a value. */
			fprintf(
			    stderr,
			    "xtcp2: argument %d after -migrate is not a flag of the earlier xtcp2%s%.*s\n",
			    k + 1, name == argv[k] ? "" : ": -", name == argv[k] ? 0 : (int)len, name);
			return false;
		}
		if (name[len] == '=')
			m->given[i] = name + len + 1;
		else if (is_switch(table[i].flag))
			m->given[i] = "true";
		else if (k + 1 < argc)
			m->given[i] = argv[++k];
		else {
			fprintf(stderr, "xtcp2: -%s needs a value\n", table[i].flag);
			return false;
		}
	}
	return true;
}

static void read_variables(struct migration *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *value = *table[i].variable ? getenv(table[i].variable) : NULL;
		if (!value)
			continue;
		m->given[i] = value;
		m->variable[i] = true;
	}
}

static void take_defaults(struct migration *m)
{
	char error[256];

	for (size_t k = 0; k < ARRAY_SIZE(defaults); k++) {
		size_t i = find_flag(defaults[k].flag, strlen(defaults[k].flag));
		if (m->given[i])
			continue;
		config_set(&m->config, option_find(defaults[k].flag), defaults[k].value, error,
			   sizeof(error));
		fprintf(stderr, "xtcp2: -%s %s: %s\n", defaults[k].flag, defaults[k].value, defaults[k].why);
	}
}

/* Print the options that differ from the defaults, as a file for -config. */
static int print_file(const struct config *c)
{
	_cleanup_buf_ struct buf b = {0};

	config_to_private_json_changes(c, &b);
	return standard_output(&b);
}

int migrate_run(int argc, char *const *argv)
{
	struct migration m = {0};
	char error[512];

	if (config_init(&m.config) < 0)
		return 1;
	int status = read_flags(&m, argc, argv) ? 0 : 2;
	if (status == 0) {
		read_variables(&m);
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			if (m.given[i])
				take_one(&m, i);
		}
		take_defaults(&m);
		fprintf(stderr,
			"xtcp2: gRPC listens on this host alone here, and changing is for administrators "
			"(SECURITY.md); the earlier one let every host do both\n");
		if (config_check(&m.config, error, sizeof(error)) < 0)
			fprintf(stderr, "xtcp2: the file does not start yet: %s\n", error);
		status = print_file(&m.config);
	}
	config_free(&m.config);
	return status;
}

void migrate_warn_variables(void)
{
	_cleanup_buf_ struct buf names = {0};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *name = table[i].variable;
		/* GOMAXPROCS and those with the prefix may be there for other reasons. */
		if (*name && strncmp(name, "XTCP_", 5) != 0 && strcmp(name, "GOMAXPROCS") != 0 &&
		    getenv(name))
			buf_printf(&names, "%s%s", names.len ? " " : "", name);
	}
	if (names.len && buf_cstr(&names))
		log_warn(
		    "config",
		    "%s: variables of the earlier xtcp2, ignored; xtcp2 -migrate prints the file for this one",
		    buf_cstr(&names));
}

void migrate_markdown(struct buf *b)
{
	buf_str(b, "| Earlier flag | Earlier variable | Here | |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct earlier *e = &table[i];
		bool there = e->how != ACTION && e->how != GONE && option_find(e->option) &&
			     strncmp(e->option, "ipv", 3) != 0;
		buf_printf(b, *e->flag ? "| `-%s` |" : "|%s |", e->flag);
		buf_printf(b, *e->variable ? " `%s` |" : "%s |", e->variable);
		if (there)
			buf_printf(b, " `-%s` |", e->option);
		else
			buf_str(b, e->how == ACTION ? " the same |" : " none |");
		buf_printf(b, "%s%s |\n",
			   there && e->how == OPTION_OR_GONE ? ""
			   : *e->note			     ? " "
							     : "",
			   there && e->how == OPTION_OR_GONE ? "" : e->note);
	}
}
