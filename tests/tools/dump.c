/* SPDX-License-Identifier: MIT */
/*
 * dump: scans for namespaces and dumps each with the netlink source, without the rest of
 * the daemon. Bats tests compare its output with ss(8) and check single steps, which the
 * daemon does not offer.
 *
 * It reads commands from stdin, one per line, so that a test controls the time between
 * two steps; each answer ends with a line that begins with the command.
 *   scan            scans; answers "scan NAMESPACES"
 *   dump FILE       dumps all namespaces, records as jsonl to FILE; answers "dump RECORDS NAMESPACES-READ"
 *   count           as dump, without writing records
 *   fds             answers "fds OPEN-FILES THREADS"
 *   names           prints name, inode, cookie, state of each; answers "names N"
 *   stat ID         answers "stat VALUE"
 *   watch MS        runs the event loop until a change is reported; answers "watch 1", or "watch 0" after MS
 *   limit N         sets the soft limit of open files; answers "limit N"
 *   cut NS          as count, with a deadline that short; answers "cut RECORDS NAMESPACES-CUT"
 *
 * Usage: dump [-states S] [-netnsDirs A,B] [-own] [-noProc] [-hiddenSockets] [-ioUring [-ioUringRecvBatch N]
 * [-ioUringCqeBatch N]]
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/privilege.h"
#include "netns/hidden.h"
#include "netns/netns.h"
#include "record/encoder.h"
#include "record/states.h"
#include "source/source.h"
#include "stats/stats.h"

#define DIRECTORIES_MAX 8
#define LINE_MAX_LEN	256

static const char *states_text = "default", *directories_text = "/run/netns,/run/docker/netns";
static bool own_only, no_proc, io_uring, hidden_sockets;
static uint32_t recv_batch = 64, cqe_batch = 128;
static const struct source_ops *ops = &source_netlink;

static const struct flag flags[] = {
    {"states", FLAG_STRING, &states_text, "TCP states"},
    {"netnsDirs", FLAG_STRING, &directories_text, "directories"},
    {"own", FLAG_BOOL, &own_only, "the own namespace only"},
    {"noProc", FLAG_BOOL, &no_proc, "find namespaces by the directories alone"},
    {"hiddenSockets", FLAG_BOOL, &hidden_sockets, "look for namespaces that only sockets hold"},
    {"ioUring", FLAG_BOOL, &io_uring, "read through io_uring"},
    {"ioUringRecvBatch", FLAG_U32, &recv_batch, "buffers of a ring"},
    {"ioUringCqeBatch", FLAG_U32, &cqe_batch, "completions taken at once"},
    {0},
};

struct printer {
	struct record_sink sink;
	struct encoder encoder;
	struct buf buf;
	FILE *out; /* NULL: count only */
	uint64_t records;
};

static struct netns_table *table;
static struct source *source;
static struct loop *loop;
static struct hidden *hidden;
static struct printer printer;

static int print_record(struct record_sink *sink, struct record *record)
{
	printer.records++;
	if (!printer.out)
		return 0;
	buf_reset(&printer.buf);
	printer.encoder.ops->begin(&printer.encoder, &printer.buf);
	printer.encoder.ops->row(&printer.encoder, &printer.buf, record);
	printer.encoder.ops->end(&printer.encoder, &printer.buf);
	fwrite(printer.buf.data, 1, printer.buf.len, printer.out);
	return 0;
}

/* Dump every namespace. Return the number read; set *cut to the number of cut ones. */
static size_t dump_all(int64_t limit_ns, size_t *cut)
{
	static struct record record;
	struct dump_result result;
	size_t count, good = 0;
	struct netns **entries = netns_table_entries(table, &count);

	printer.records = 0;
	*cut = 0;
	for (size_t i = 0; i < count; i++) {
		int64_t deadline = clock_mono_ns() + limit_ns;
		good += ops->dump(source, entries[i], &record, &printer.sink, deadline, &result) == 0;
		*cut += result.timed_out;
	}
	return good;
}

static size_t directory_size(const char *path)
{
	DIR *directory = opendir(path);
	size_t n = 0;

	while (directory && readdir(directory))
		n++;
	closedir(directory);
	return n - 2;
}

static bool changed;

static void on_change(void *data)
{
	changed = true;
	loop_stop(loop);
}

static void on_watch_timer(struct loop_watch *watch, uint32_t events)
{
	loop_timer_read(watch);
	loop_stop(loop);
}

static int watch(int64_t ms)
{
	struct loop_watch timer = {.fd = -1, .name = "limit", .fn = on_watch_timer};

	changed = false;
	loop_timer_open(loop, &timer);
	loop_timer_set(&timer, ms * NS_PER_MS, 0);
	loop_run(loop);
	loop_timer_close(loop, &timer);
	return changed;
}

static void print_names(void)
{
	static const char *const states[] = {"seen", "open", "dumping", "blocked", "gone"};
	size_t count;
	struct netns **entries = netns_table_entries(table, &count);

	for (size_t i = 0; i < count; i++)
		printf("%s %ju %" PRIu64 " %s %u\n", entries[i]->name, (uintmax_t)entries[i]->ino,
		       entries[i]->cookie, states[entries[i]->state], entries[i]->processes);
	printf("names %zu\n", count);
}

static uint64_t stat_by_name(const char *id)
{
	for (int i = 0; i < STAT_MAX_; i++) {
		if (strcmp(stat_table[i].id, id) == 0)
			return stat_get(i);
	}
	fprintf(stderr, "dump: no such counter: %s\n", id);
	exit(2);
}

static void set_limit(rlim_t files)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = files;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void command(const char *verb, const char *argument)
{
	size_t count, cut;

	if (strcmp(verb, "scan") == 0) {
		if (hidden)
			hidden_look(hidden);
		netns_table_scan(table);
		netns_table_entries(table, &count);
		printf("scan %zu\n", count);
	} else if (strcmp(verb, "dump") == 0 || strcmp(verb, "count") == 0) {
		_cleanup_fclose_ FILE *out = *verb == 'd' ? fopen(argument, "w") : NULL;
		printer.out = out;
		count = dump_all(60 * NS_PER_SEC, &cut);
		printer.out = NULL;
		printf("%s %" PRIu64 " %zu\n", verb, printer.records, count);
	} else if (strcmp(verb, "cut") == 0) {
		dump_all(atoll(argument), &cut);
		printf("cut %" PRIu64 " %zu\n", printer.records, cut);
	} else if (strcmp(verb, "fds") == 0) {
		/* less the descriptor of the directory itself */
		printf("fds %zu %zu\n", directory_size("/proc/self/fd") - 1,
		       directory_size("/proc/self/task"));
	} else if (strcmp(verb, "names") == 0) {
		print_names();
	} else if (strcmp(verb, "stat") == 0) {
		printf("stat %" PRIu64 "\n", stat_by_name(argument));
	} else if (strcmp(verb, "watch") == 0) {
		printf("watch %d\n", watch(atoll(argument)));
	} else if (strcmp(verb, "limit") == 0) {
		set_limit(strtoul(argument, NULL, 10));
		printf("limit %s\n", argument);
	} else {
		fprintf(stderr, "dump: unknown command %s\n", verb);
		exit(2);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const int kept[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_NET_ADMIN};
	const char *directories[DIRECTORIES_MAX + 1] = {NULL};
	struct netns_options options = {.directories = directories, .scan_proc = !no_proc};
	struct source_config config = {.recv_timeout_ns = NS_PER_SEC, .first_seq = 666};
	char error[256], line[LINE_MAX_LEN], verb[LINE_MAX_LEN], argument[LINE_MAX_LEN];

	flags_parse(flags, argc, argv,
		    "drives the namespace table and the netlink source by commands on stdin");
	log_init(LOG_LEVEL_NOTICE);
	limits_raise_files();
	privilege_drop(NULL, kept, ARRAY_SIZE(kept) - !hidden_sockets);
	privilege_lower(CAP_NET_ADMIN); /* dumps are made without it, like the daemon's */
	if (io_uring)
		ops = &source_netlink_uring;
	config.uring_recv_batch = recv_batch;
	config.uring_cqe_batch = cqe_batch;
	options.own_only = own_only;
	_cleanup_free_ char *text = strdup(directories_text);
	char *save = NULL;
	size_t n = 0;
	for (char *word = strtok_r(text, ",", &save); word && n < DIRECTORIES_MAX;
	     word = strtok_r(NULL, ",", &save))
		directories[n++] = word;

	decode_defaults(&config.decode);
	if (deserializers_parse("default", &config.decode.attributes, &config.ext, error, sizeof(error)) <
		0 ||
	    tcp_states_parse(states_text, &config.states, error, sizeof(error)) < 0 ||
	    encoder_init(&printer.encoder, "jsonl", "", error, sizeof(error)) < 0) {
		fprintf(stderr, "dump: %s\n", error);
		return 2;
	}
	printer.sink.emit = print_record;
	loop = loop_new();
	options.hidden = hidden = hidden_new(false, hidden_sockets);
	table = netns_table_new(loop, &options, on_change, NULL);
	source = ops->create(&config, 0);
	if (!table || !source) {
		perror("dump");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		argument[0] = '\0';
		if (sscanf(line, "%s %s", verb, argument) >= 1)
			command(verb, argument);
	}
	ops->free(source);
	netns_table_free(table);
	hidden_free(hidden);
	loop_free(loop);
	encoder_free(&printer.encoder);
	buf_free(&printer.buf);
	return 0;
}
