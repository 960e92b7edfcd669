/* SPDX-License-Identifier: MIT */
#include "look/reader.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/privilege.h"
#include "enrich/attribute.h"
#include "enrich/container.h"
#include "enrich/docker.h"
#include "filter/filter.h"
#include "netns/hidden.h"
#include "netns/netns.h"
#include "source/source.h"
#include "version.h"

/* Directories, and bytes of their list. */
#define DIRECTORIES_MAX	     64
#define DIRECTORIES_TEXT_MAX 8192

/* A look takes no longer than this; a namespace that is not read by then is told. */
#define READ_LIMIT_NS (60 * NS_PER_SEC)

/* Sockets whose owners are remembered from one look to the next, some 70 bytes each. */
#define OWNERS_MAX 131072

/* The time that the first look waits for names of containers; a local API takes a millisecond for each. */
#define NAMES_LIMIT_NS (500 * NS_PER_MS)

/* The cgroup at the root: asking for it reads the whole tree. */
#define CGROUP_ROOT 1

struct reader {
	struct record_sink sink; /* first: the sink is the reader */
	const char *program;
	struct filter *filter;
	struct netns_options netns;
	const char *directories[DIRECTORIES_MAX + 1];
	char directories_text[DIRECTORIES_TEXT_MAX];
	char hostname[256];
	struct netns_table *table;
	struct attributor attributor; /* without CAP_SYS_PTRACE it tells of own processes alone */
	struct docker *docker;	      /* NULL without */
	int64_t names_left_ns;	      /* of NAMES_LIMIT_NS */
	struct source *source;
	struct record record;
	int (*take)(void *data, struct record *record);
	void *data;
	bool stopped; /* take() wants no more */
};

static int emit(struct record_sink *sink, struct record *record)
{
	struct reader *r = (struct reader *)(void *)sink;

	if (!filter_match(r->filter, record))
		return 0;
	record->record_counter++;
	int error = r->take(r->data, record);
	r->stopped = error < 0;
	return error;
}

/* Splits the text in place. false when there are too many. */
static bool split(struct reader *r, const char *text)
{
	size_t n = 0;
	char *save = NULL;

	if ((size_t)snprintf(r->directories_text, sizeof(r->directories_text), "%s", text) >=
	    sizeof(r->directories_text))
		return false;
	for (char *word = strtok_r(r->directories_text, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (n == DIRECTORIES_MAX)
			return false;
		r->directories[n++] = word;
	}
	return true;
}

static void privileges_settle(struct reader *r)
{
	static const int kept[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE};

	r->netns.own_only = !privilege_have(CAP_SYS_ADMIN);
	if (r->netns.own_only)
		fprintf(stderr, "%s: without CAP_SYS_ADMIN only the own namespace can be read\n", r->program);
	else if (!privilege_have(CAP_SYS_PTRACE))
		fprintf(stderr,
			"%s: without CAP_SYS_PTRACE only namespaces with a name and those of own "
			"processes are found\n",
			r->program);
	privilege_drop(NULL, kept, ARRAY_SIZE(kept));
}

static bool open_all(struct reader *r, const struct reader_options *o)
{
	struct source_config config = {.recv_timeout_ns = NS_PER_SEC, .first_seq = 1, .states = o->states};
	char text[512];

	decode_defaults(&config.decode);
	deserializers_parse("default", &config.decode.attributes, &config.ext, text, sizeof(text));
	r->filter = filter_new(o->filter, text, sizeof(text));
	if (o->kernel)
		config.filter = o->filter;
	r->netns.directories = r->directories;
	r->netns.scan_proc = true;
	r->netns.hidden = hidden_new(false, false);
	r->table = netns_table_new(NULL, &r->netns, NULL, NULL);
	r->attributor.cgroups = cgroups_new();
	r->attributor.owners = owners_new(OWNERS_MAX, r->attributor.cgroups);
	if (*o->docker && access(o->docker, F_OK) == 0)
		r->docker = docker_new(o->docker);
	r->names_left_ns = NAMES_LIMIT_NS;
	config.attributor = &r->attributor;
	r->source = source_netlink.create(&config, 0);
	return r->table && r->attributor.owners && r->source;
}

struct reader *reader_new(const struct reader_options *options)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->sink.emit = emit;
	r->program = options->program;
	if (!split(r, options->directories)) {
		fprintf(stderr, "%s: -netnsDirs takes at most %d directories and %d bytes\n", r->program,
			DIRECTORIES_MAX, DIRECTORIES_TEXT_MAX - 1);
		free(r);
		return NULL;
	}
	log_init(LOG_LEVEL_ERR);
	limits_raise_files();
	privileges_settle(r);
	if (!open_all(r, options)) {
		fprintf(stderr, "%s: cannot begin to read: %m\n", r->program);
		reader_free(r);
		return NULL;
	}
	gethostname(r->hostname, sizeof(r->hostname) - 1);
	r->record.sections |= RECORD_HAS(META);
	r->record.schema_version = RECORD_SCHEMA_VERSION;
	r->record.daemon_version = str_of(XTCP2_VERSION);
	r->record.hostname = str_of(r->hostname);
	return r;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	if (r->source)
		source_netlink.free(r->source);
	docker_free(r->docker);
	owners_free(r->attributor.owners);
	cgroups_free(r->attributor.cgroups);
	netns_table_free(r->table);
	hidden_free(r->netns.hidden);
	filter_free(r->filter);
	free(r);
}

/* Ask for the names of the containers, those of this look included while there is time. */
static void name_containers(struct reader *r, struct netns *const *entries, size_t count)
{
	int64_t begin = clock_mono_ns();

	if (!r->docker)
		return;
	if (r->attributor.cgroups)
		cgroups_find(r->attributor.cgroups, CGROUP_ROOT);
	docker_follow(r->docker, entries, count, r->attributor.cgroups);
	while (r->names_left_ns > 0 && docker_wait(r->docker, begin + r->names_left_ns) > 0) {
		docker_follow(r->docker, entries, count, r->attributor.cgroups);
		if (clock_mono_ns() - begin >= r->names_left_ns)
			break;
	}
	r->names_left_ns -= clock_mono_ns() - begin;
}

int reader_poll(struct reader *r, int (*take)(void *data, struct record *record), void *data)
{
	int64_t deadline = clock_mono_ns() + READ_LIMIT_NS;
	size_t count, read = 0;
	int failed = 0;

	r->take = take;
	r->data = data;
	if (r->netns.hidden)
		hidden_look(r->netns.hidden);
	owners_poll_begins(r->attributor.owners);
	if (r->attributor.cgroups)
		cgroups_poll_begins(r->attributor.cgroups);
	netns_table_scan(r->table);
	struct netns **entries = netns_table_entries(r->table, &count);
	containers_resolve(entries, count);
	name_containers(r, entries, count);
	for (size_t i = 0; i < count; i++) {
		struct dump_result result = {0};
		int error =
		    source_netlink.dump(r->source, entries[i], &r->record, &r->sink, deadline, &result);
		bool gone = entries[i]->state == NETNS_GONE;

		if (r->stopped)
			return failed;
		read += error == 0;
		if ((error == 0 && !result.partial) || gone)
			continue;
		failed++;
		fprintf(stderr, "%s: namespace %s is read %s: %s\n", r->program, entries[i]->name,
			error ? "not at all" : "in part", error ? strerror(-error) : "sockets are missing");
	}
	return read ? failed : -1;
}
