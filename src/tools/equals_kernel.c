/* SPDX-License-Identifier: MIT */
/*
 * equals_kernel: makes the same frozen population of TCP sockets in each of the namespaces named, has the
 * daemon read them once, and compares every record, field by field, with what the kernel tells the socket's
 * owner and with what ss(8) prints. Prints what it compared, or each difference with field, kernel and both
 * values.
 *
 * Theory of operation
 *
 * A socket at rest still has timers, so nothing is compared by luck: in each round the owner asks before and
 * after the daemon does. What was equal both times must be equal in the record. What counts time, each such
 * field with its reason (oracle.c), must lie between the two. A socket that changed in the meantime is
 * compared in the next round: what repeats itself does so ever more rarely. The same with two outputs of ss,
 * which alone speaks of sockets without an owner (TIME_WAIT, SYN_RECV, orphans, MPTCP's subflows). The
 * program ends when each socket was compared with both.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "compare.h"
#include "findings.h"
#include "record_table.h"

#define NAMESPACES_MAX 8

static const char *names = "", *program = "xtcp2", *arguments = "", *sources = "", *directory = ".";
static int64_t limit_ns = 60 * NS_PER_SEC;

static const struct flag flags[] = {
    {"netns", FLAG_STRING, &names, "network namespaces of /run/netns, comma-separated, loopback up"},
    {"xtcp2", FLAG_STRING, &program, "the daemon's program"},
    {"args", FLAG_STRING, &arguments, "more arguments of the daemon, as the shell splits them"},
    {"sources", FLAG_STRING, &sources,
     "sources of the daemon, comma-separated, that read the same population one after the other"},
    {"dir", FLAG_FILE, &directory, "existing directory for records, captures and ss's output"},
    {"limit", FLAG_DURATION, &limit_ns, "give up on sockets that do not rest after this long"},
    {0},
};

static struct space spaces[NAMESPACES_MAX];
static size_t space_count;
static int home = -1;	 /* the network namespace that we began in */
static uint64_t unknown; /* attributes, as bits */

/* The source that reads, with the dash that parts it from the names of its files; both empty for the daemon's own choice. */
static const char *source = "", *dash = "";

static void enter(int fd)
{
	if (setns(fd, CLONE_NEWNET) < 0)
		die("setns: %s", strerror(errno));
}

/* Make the namespace's population. setns(2) is for the thread alone, and for what it runs. */
static void *populate(void *data)
{
	struct space *s = data;

	enter(s->fd);
	population_make(&s->population);
	return NULL;
}

/* All at once: making a population is waiting for losses, timers and full buffers. */
static void make_spaces(char *list)
{
	pthread_t threads[NAMESPACES_MAX];
	char path[256], *save;
	int r;

	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		struct space *s = &spaces[space_count];

		if (space_count++ == NAMESPACES_MAX)
			die("more than %d namespaces", NAMESPACES_MAX);
		snprintf(path, sizeof(path), "/run/netns/%s", name);
		s->name = name;
		s->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (s->fd < 0)
			die("%s: %s", path, strerror(errno));
	}
	for (size_t i = 0; i < space_count; i++)
		if ((r = pthread_create(&threads[i], NULL, populate, &spaces[i])))
			die("pthread_create: %s", strerror(r));
	for (size_t i = 0; i < space_count; i++)
		pthread_join(threads[i], NULL);
}

/* The whole file; the caller frees it. */
static char *slurp(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		die("%s: %s", path, strerror(errno));
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = calloc(1, 1);
	}
	if (!text)
		die("no memory");
	return text;
}

/* Run the shell's command in the namespace; its output is the file's. */
static void run(int netns, const char *file, const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || setns(netns, CLONE_NEWNET) < 0)
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		die("\"%s\" failed with status %d", command,
		    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void read_ss(int which)
{
	char file[300];

	for (size_t i = 0; i < space_count; i++) {
		snprintf(file, sizeof(file), "%s/%s%s%s.ss", directory, spaces[i].name, dash, source);
		/* -a leaves bound sockets out, or not, by its version: those of a dump are asked for by
		 * state. */
		run(spaces[i].fd, file, "exec ss -tinemoaOH");
		free(spaces[i].ss[which]);
		spaces[i].ss[which] = slurp(file);
	}
}

/* Leave of ss's output what rested: the namespace's file and capture then say the same. */
static void keep_resting_lines(void)
{
	char file[300];

	for (size_t i = 0; i < space_count; i++) {
		snprintf(file, sizeof(file), "%s/%s%s%s.ss", directory, spaces[i].name, dash, source);
		_cleanup_fclose_ FILE *f = fopen(file, "we");
		if (!f)
			die("%s: %s", file, strerror(errno));
		write_resting_lines(&spaces[i], f);
	}
}

static void ask_owners(int which)
{
	for (size_t n = 0; n < space_count; n++) {
		struct space *s = &spaces[n];

		for (size_t i = 0; i < s->population.count; i++) {
			const struct held_socket *h = &s->population.sockets[i];
			int r = h->state < 0 ? 0 : oracle_read(h->fd, &s->owner[which][i]);
			if (r < 0)
				die("getsockopt of \"%s\": %s", h->name, strerror(-r));
		}
	}
}

static bool is_space(const char *netns)
{
	for (size_t i = 0; i < space_count; i++)
		if (!strcmp(spaces[i].name, netns))
			return true;
	return false;
}

static void read_records(void)
{
	char command[2000], file[300], log[300], captures[300];

	snprintf(file, sizeof(file), "%s/records.tsv", directory);
	snprintf(log, sizeof(log), "%s/log", directory);
	snprintf(captures, sizeof(captures), "%s/captures%s%s", directory, dash, source);
	unlink(file);
	snprintf(
	    command, sizeof(command),
	    "rm -rf '%s' && '%s' -maxLoops 1 -frequency 1h -timeout 10m -nltimeout 60000 -states all -deserializers all -hiddenThreads=false "
	    "-promListen= -grpcPort 0 -grpcSocket= -marshal tsv -dest 'file:%s' -writeFiles 100 -capturePath '%s' %s %s %s 2>'%s'",
	    captures, program, file, captures, *source ? "-source" : "", source, arguments, log);
	run(home, "/dev/null", command);
	record_table_parse(slurp(file), log, is_space);
}

/* One round. Return whether all was compared; else `why` says what was not. */
static bool compare_all(char *why, size_t size)
{
	bool all = true;

	read_ss(0);
	ask_owners(0);
	read_records();
	ask_owners(1);
	read_ss(1);
	keep_resting_lines();
	unknown |= record_table_unknown_attributes();
	for (size_t n = 0; n < space_count; n++) {
		struct space *s = &spaces[n];

		compare_presence(s);
		for (size_t i = 0; i < s->population.count; i++) {
			const char *field = s->done[i] ? NULL : compare_owned(s, i);
			s->done[i] = !field;
			if (field) {
				snprintf(why, size, "%s of \"%s\" does not rest", field,
					 s->population.sockets[i].name);
				all = false;
			}
		}
		const char *state = compare_lines(s);
		if (state && all)
			snprintf(why, size, "ss's line of a socket of %s in %s does not rest", s->name,
				 state);
		all = all && !state;
	}
	return all;
}

static void print_result(unsigned rounds)
{
	size_t held = 0, seen = 0;

	for (size_t i = 0; i < space_count; i++) {
		held += spaces[i].population.count;
		seen += spaces[i].seen;
	}
	if (*source)
		printf("%s: ", source);
	printf("kernel=%s tcp_info=%u unknown=", kernel_release(), info_form.len);
	if (!unknown)
		printf("none");
	for (unsigned bit = 0, n = 0; bit < 64; bit++)
		if (unknown >> bit & 1)
			printf("%s%u", n++ ? "," : "", bit);
	if (*info_form.tail)
		printf(" tail=%s", info_form.tail);
	printf(
	    " records=%zu values=%llu: equal to getsockopt of %zu sockets, to ss of %zu, in %u rounds; with %s\n",
	    seen, (unsigned long long)findings.compared, held, seen, rounds, spaces[0].population.features);
}

/* Compare what one source reads of the population. Return whether there was no difference. */
static bool compare_source(const char *name)
{
	char why[200] = "";
	unsigned rounds = 0;
	int64_t end = clock_mono_ns() + limit_ns;

	source = name;
	dash = *name ? "-" : "";
	findings.compared = 0;
	for (size_t n = 0; n < space_count; n++) {
		memset(spaces[n].done, 0, sizeof(spaces[n].done));
		spaces[n].seen = 0;
	}
	while (!compare_all(why, sizeof(why)) && !findings.differences) {
		rounds++;
		if (clock_mono_ns() > end)
			die("kernel %s: %s%sno end of changes: %s", kernel_release(), name, *name ? ": " : "",
			    why);
	}
	if (findings.differences) {
		printf("kernel %s: %s%s%s%s; %llu of %llu values differ\n", kernel_release(),
		       *name ? "source " : "", name, *name ? ": " : "", findings.first,
		       (unsigned long long)findings.differences, (unsigned long long)findings.compared);
		return false;
	}
	print_result(rounds + 1);
	return true;
}

int main(int argc, char **argv)
{
	char *save;

	flags_parse(flags, argc, argv,
		    "Compares the daemon's records with getsockopt and ss, socket by socket");
	_cleanup_free_ char *list = strdup(names), *choice = strdup(sources);

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!list || !choice || home < 0 || !kernel_release())
		die("start: %s", strerror(errno));
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_spaces(list);
	if (!space_count)
		die("no namespace to look at: -netns NAME,...");
	if (!*choice)
		return compare_source("") ? 0 : 1;
	for (char *name = strtok_r(choice, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (!compare_source(name))
			return 1;
	return 0;
}
