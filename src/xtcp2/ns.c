/* SPDX-License-Identifier: MIT */
/* ns: list the network namespaces that the daemon would read, by the same code. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/privilege.h"
#include "netns/hidden.h"
#include "netns/netns.h"
#include "record/states.h"
#include "source/source.h"

/* Directories in -netnsDirs. */
#define DIRECTORIES_MAX	     64
#define DIRECTORIES_TEXT_MAX 8192

/* Time limit for counting the sockets of a namespace; beyond it no number is shown. */
#define COUNT_LIMIT_NS (60 * NS_PER_SEC)

static bool as_json;
static const char *directories_text = "/run/netns,/run/docker/netns";

static const struct flag flags[] = {
    {"json", FLAG_BOOL, &as_json, "print one JSON object per line"},
    {"netnsDirs", FLAG_FILE, &directories_text,
     "directories where namespaces are bind-mounted, comma-separated"},
    {0},
};

static int count_nothing_more(struct record_sink *sink, struct record *record)
{
	return 0;
}

/* Split text in place into the NULL-terminated list. Return false if there are too many. */
static bool split(char *text, const char *list[static DIRECTORIES_MAX + 1])
{
	size_t n = 0;
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (n == DIRECTORIES_MAX)
			return false;
		list[n++] = word;
	}
	list[n] = NULL;
	return true;
}

static void print_json(const struct netns *ns, const struct dump_result *result, int error)
{
	json_t *o = json_pack("{s:I, s:I, s:s, s:s, s:b, s:I}", "inode", (json_int_t)ns->ino, "cookie",
			      (json_int_t)ns->cookie, "name", ns->name, "path", ns->path, "own", ns->own,
			      "processes", (json_int_t)ns->processes);

	if (error)
		json_object_set_new(o, "error", json_string(strerror(-error)));
	else
		json_object_set_new(o, "sockets", json_integer((json_int_t)result->messages));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void print_row(const struct netns *ns, const struct dump_result *result, int error)
{
	char sockets[24] = "-";

	if (!error)
		snprintf(sockets, sizeof(sockets), "%" PRIu64, result->messages);
	printf("%-11ju %-11" PRIu64 " %-8u %-9s %s%s%s\n", (uintmax_t)ns->ino, ns->cookie, ns->processes,
	       sockets, ns->name, error ? "  cannot be read: " : "", error ? strerror(-error) : "");
}

static void privileges_settle(struct netns_options *options)
{
	static const int kept[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE};

	options->own_only = !privilege_have(CAP_SYS_ADMIN);
	if (options->own_only)
		fprintf(stderr, "ns: without CAP_SYS_ADMIN only the own namespace can be read\n");
	else if (!privilege_have(CAP_SYS_PTRACE))
		fprintf(stderr, "ns: without CAP_SYS_PTRACE only namespaces with a name and those of own "
				"processes are found\n");
	privilege_drop(NULL, kept, ARRAY_SIZE(kept));
}

int main(int argc, char **argv)
{
	const char *directories[DIRECTORIES_MAX + 1];
	struct netns_options options = {.directories = directories, .scan_proc = true};
	struct source_config config = {.recv_timeout_ns = NS_PER_SEC, .first_seq = 1};
	struct record_sink sink = {.emit = count_nothing_more};
	struct record record = {0};
	char bad[64], text[DIRECTORIES_TEXT_MAX];
	size_t count;

	flags_parse(flags, argc, argv, "lists the network namespaces that xtcp2 would read");
	if ((size_t)snprintf(text, sizeof(text), "%s", directories_text) >= sizeof(text) ||
	    !split(text, directories)) {
		fprintf(stderr, "ns: -netnsDirs takes at most %d directories and %d bytes\n", DIRECTORIES_MAX,
			DIRECTORIES_TEXT_MAX - 1);
		return 2;
	}
	log_init(LOG_LEVEL_WARN);
	limits_raise_files();
	privileges_settle(&options);
	decode_defaults(&config.decode);
	tcp_states_parse("default", &config.states, bad, sizeof(bad));

	options.hidden = hidden_new(false, false);
	struct netns_table *table = netns_table_new(NULL, &options, NULL, NULL);
	struct source *source = source_netlink.create(&config, 0);
	if (!table || !source) {
		perror("ns");
		return 1;
	}
	if (options.hidden)
		hidden_look(options.hidden);
	netns_table_scan(table);
	struct netns **entries = netns_table_entries(table, &count);
	if (!as_json)
		printf("%-11s %-11s %-8s %-9s %s\n", "INODE", "COOKIE", "PIDS", "SOCKETS", "NAME");
	for (size_t i = 0; i < count; i++) {
		struct dump_result result;
		int r = source_netlink.dump(source, entries[i], &record, &sink,
					    clock_mono_ns() + COUNT_LIMIT_NS, &result);
		(as_json ? print_json : print_row)(entries[i], &result, r);
	}
	source_netlink.free(source);
	netns_table_free(table);
	hidden_free(options.hidden);
	return 0;
}
