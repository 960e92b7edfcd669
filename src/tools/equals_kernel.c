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
#include <linux/inet_diag.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "oracle.h"
#include "population.h"
#include "ss_output.h"

#define NAMESPACES_MAX 8
#define ROWS_MAX       4096 /* sockets of all namespaces of this machine's that a poll may bring */
#define LINES_MAX      512  /* sockets of one namespace */

/* Attributes that records have fields for: bits of inet_diag_attributes. */
#define ATTRIBUTES_KNOWN 22 /* INET_DIAG_SOCKOPT */

/* Failures shown; one mistake shows in every socket. */
#define SHOWN_MAX 20

static const char *names = "", *program = "xtcp2", *arguments = "", *directory = ".";
static int64_t limit_ns = 60 * NS_PER_SEC;

static const struct flag flags[] = {
    {"netns", FLAG_STRING, &names, "network namespaces of /run/netns, comma-separated, loopback up"},
    {"xtcp2", FLAG_STRING, &program, "the daemon's program"},
    {"args", FLAG_STRING, &arguments, "more arguments of the daemon, as the shell splits them"},
    {"dir", FLAG_STRING, &directory, "existing directory for records, captures and ss's output"},
    {"limit", FLAG_DURATION, &limit_ns, "give up on sockets that do not rest after this long"},
    {0},
};

struct space {
	const char *name;
	int fd;
	struct population population;
	struct oracle before[POPULATION_MAX], after[POPULATION_MAX];
	bool done[POPULATION_MAX];
	char *ss[2];			/* before and after the daemon */
	uint64_t seen_by_ss[LINES_MAX]; /* cookies that were compared */
	size_t seen;
};

struct row {
	char **cell;
};

static struct space spaces[NAMESPACES_MAX];
static size_t space_count;
static int home = -1; /* the network namespace that we began in */

static char *table, *header[512];
static struct row rows[ROWS_MAX];
static size_t columns, row_count;
static char *cells[ROWS_MAX * 256];

static struct utsname kernel;
static uint64_t compared, moved, differences, unknown;
static char first_difference[400];
static uint32_t info_len;
static char tail[sizeof(((struct oracle_value *)0)->text)]; /* of tcp_info, beyond the fields of records */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("equals_kernel: ", stdout);
	vprintf(fmt, ap);
	puts("");
	va_end(ap);
	exit(1);
}

__attribute__((format(printf, 1, 2))) static void differ(const char *fmt, ...)
{
	char text[sizeof(first_difference)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!differences)
		strcpy(first_difference, text);
	if (differences++ < SHOWN_MAX)
		printf("kernel %s: %s\n", kernel.release, text);
}

static bool older_than(int major, int minor)
{
	int is_major = 0, is_minor = 0;

	sscanf(kernel.release, "%d.%d", &is_major, &is_minor);
	return is_major < major || (is_major == major && is_minor < minor);
}

/* ---- the namespaces ---- */

static void enter(int fd)
{
	if (setns(fd, CLONE_NEWNET) < 0)
		die("setns: %s", strerror(errno));
}

static void make_spaces(char *list)
{
	char path[256], *save;

	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		struct space *s = &spaces[space_count];

		if (space_count++ == NAMESPACES_MAX)
			die("more than %d namespaces", NAMESPACES_MAX);
		snprintf(path, sizeof(path), "/run/netns/%s", name);
		s->name = name;
		s->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (s->fd < 0)
			die("%s: %s", path, strerror(errno));
		enter(s->fd);
		population_make(&s->population);
		enter(home);
	}
}

/* ---- what is compared ---- */

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
		snprintf(file, sizeof(file), "%s/%s.ss", directory, spaces[i].name);
		/* -a leaves bound sockets out, or not, by its version: those of a dump are asked for by
		 * state. */
		run(spaces[i].fd, file, "exec ss -tinemoaOH");
		free(spaces[i].ss[which]);
		spaces[i].ss[which] = slurp(file);
	}
}

static struct oracle *reading(struct space *s, size_t i, bool after)
{
	return after ? &s->after[i] : &s->before[i];
}

static void ask_owners(bool after)
{
	for (size_t n = 0; n < space_count; n++) {
		struct space *s = &spaces[n];

		for (size_t i = 0; i < s->population.count; i++) {
			const struct held_socket *h = &s->population.sockets[i];
			int r = h->state < 0 ? 0 : oracle_read(h->fd, reading(s, i, after));
			if (r < 0)
				die("getsockopt of \"%s\": %s", h->name, strerror(-r));
		}
	}
}

/* Split the daemon's tab-separated table in place. */
static void read_records(void)
{
	char command[1200], file[300], *save_line, *line;
	size_t used = 0;

	snprintf(file, sizeof(file), "%s/records.tsv", directory);
	unlink(file);
	snprintf(
	    command, sizeof(command),
	    "rm -rf '%s/captures' && '%s' -maxLoops 1 -frequency 1h -timeout 10m -nltimeout 60000 -states all -deserializers all -hiddenThreads=false "
	    "-promListen= -grpcPort 0 -grpcSocket= -marshal tsv -dest 'file:%s' -writeFiles 100 -capturePath '%s/captures' %s 2>'%s/log'",
	    directory, program, file, directory, arguments, directory);
	run(home, "/dev/null", command);
	free(table);
	table = slurp(file);
	columns = row_count = 0;
	line = strtok_r(table, "\n", &save_line);
	if (!line)
		die("the daemon wrote no records (its log: %s/log)", directory);
	for (char *c = line; c && columns < ARRAY_SIZE(header); columns++)
		header[columns] = strsep(&c, "\t");
	while ((line = strtok_r(NULL, "\n", &save_line)) && row_count < ROWS_MAX) {
		if (used + columns > ARRAY_SIZE(cells))
			die("more than %zu records", row_count);
		rows[row_count].cell = &cells[used];
		for (size_t i = 0; i < columns; i++)
			cells[used++] = line ? strsep(&line, "\t") : "";
		row_count++;
	}
}

static const char *cell(const struct row *r, const char *field)
{
	for (size_t i = 0; i < columns; i++)
		if (!strcmp(header[i], field))
			return r->cell[i];
	die("the daemon has no column %s", field);
}

static const struct row *row_of(const struct space *s, uint64_t cookie)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)cookie);
	for (size_t i = 0; i < row_count; i++)
		if (!strcmp(cell(&rows[i], "inet_diag_msg_socket_cookie"), text) &&
		    !strcmp(cell(&rows[i], "netns"), s->name))
			return &rows[i];
	return NULL;
}

/*
 * Until 6.14 the kernel sends the upper-layer protocol to those with CAP_NET_ADMIN only, which the daemon does without:
 * there a record without the attribute is complete.
 */
static bool may_lack(const struct row *r, const char *field)
{
	uint64_t sent = strtoull(cell(r, "inet_diag_attributes"), NULL, 10);

	return !strcmp(field, "ulp_name") && !(sent >> INET_DIAG_ULP_INFO & 1) && older_than(6, 15);
}

/* ---- the comparison with the owner ---- */

/* The field that keeps the socket from being compared in this round, or NULL. */
static const struct oracle_value *restless(const struct oracle *a, const struct oracle *b)
{
	if (a->count != b->count)
		return &a->values[0];
	for (size_t i = 0; i < a->count; i++)
		if (!a->values[i].moves && strcmp(a->values[i].text, b->values[i].text) != 0)
			return &a->values[i];
	return NULL;
}

static void compare_value(const char *socket, const struct row *r, const struct oracle_value *a,
			  const struct oracle_value *b)
{
	const char *got = cell(r, a->field);

	if (may_lack(r, a->field))
		return;
	if (a->absent) {
		if (*got)
			differ("%s of \"%s\" is %s in the record, and this kernel's tcp_info ends before it",
			       a->field, socket, got);
	} else if (a->moves) {
		unsigned long long from = strtoull(a->text, NULL, 10), to = strtoull(b->text, NULL, 10);
		unsigned long long is = strtoull(got, NULL, 10);
		/* A value that has fallen was reset in between. */
		if (!*got || (from <= to && (is < from || is > to)))
			differ(
			    "%s of \"%s\", which %s, is %s in the record, %s and %s from getsockopt before and after",
			    a->field, socket, a->moves, got, a->text, b->text);
		moved++;
	} else if (strcmp(got, a->text) != 0) {
		differ("%s of \"%s\" is %s in the record, %s from getsockopt", a->field, socket, got,
		       a->text);
	}
	compared++;
}

/* Return the field that did not rest, or NULL when the socket was compared. */
static const char *compare_owned(struct space *s, size_t i)
{
	const struct held_socket *h = &s->population.sockets[i];
	const struct oracle *a = &s->before[i], *b = &s->after[i];
	const struct row *r;

	if (h->state < 0)
		return NULL; /* ss speaks of its subflows */
	r = row_of(s, a->cookie);
	if (!r) {
		/* Bound sockets are in dumps since Linux 6.8. */
		if (!h->bare || !older_than(6, 8))
			differ("no record of \"%s\" of %s", h->name, s->name);
		return NULL;
	}
	const struct oracle_value *moving = restless(a, b);
	if (moving)
		return moving->field;
	if (info_len && info_len != a->info_len)
		differ("tcp_info is %u bytes long, and %u for \"%s\"", info_len, a->info_len, h->name);
	info_len = a->info_len;
	snprintf(tail, sizeof(tail), "%s", oracle_tail(a));
	for (size_t n = 0; n < a->count; n++) {
		/* Of a bound socket a dump has neither tcp_info nor an algorithm. */
		if (h->bare && (!strncmp(a->values[n].field, "tcp_info_", 9) ||
				!strncmp(a->values[n].field, "congestion_", 11)))
			continue;
		compare_value(h->name, r, &a->values[n], &b->values[n]);
	}
	return NULL;
}

/* ---- the comparison with ss ---- */

struct line_of_ss {
	const struct row *row;
	const char *what;
};

static uint64_t record_number(void *data, const char *field)
{
	const struct line_of_ss *l = data;

	return strtoull(cell(l->row, field), NULL, 10);
}

static void compare_with_ss(void *data, const char *field, const char *want)
{
	const struct line_of_ss *l = data;
	const char *got = cell(l->row, field);

	if (may_lack(l->row, field))
		return;
	compared++;
	/* A socket without an owner has none in the record; ss prints 0. */
	if (strcmp(got, want) != 0 && !(!*got && !strcmp(want, "0")))
		differ("%s of a socket in %s (cookie %s) is %s in the record, %s from ss", field, l->what,
		       cell(l->row, "inet_diag_msg_socket_cookie"), got, want);
}

static const char *line_with(const char *text, uint64_t cookie, char *line, size_t size)
{
	for (const char *next; *text; text = next) {
		size_t len = strcspn(text, "\n");

		next = text + len + (text[len] == '\n');
		snprintf(line, size, "%.*s", (int)len, text);
		if (ss_line_cookie(line) == cookie)
			return line;
	}
	return NULL;
}

static bool seen_by_ss(const struct space *s, uint64_t cookie)
{
	for (size_t i = 0; i < s->seen; i++)
		if (s->seen_by_ss[i] == cookie)
			return true;
	return false;
}

/* ss shows bound sockets in some of its versions only. */
static bool shown_by_ss(const char *state)
{
	return strcmp(state, "CLOSE") != 0 && strcmp(state, "BOUND_INACTIVE") != 0;
}

/* Compare each record of the namespace with its line. Return the state of one that could not be compared
 * in this round, or NULL. */
static const char *compare_lines(struct space *s)
{
	char first[2048], second[2048];
	const char *left = NULL;

	for (size_t i = 0; i < row_count; i++) {
		struct line_of_ss l = {&rows[i], cell(&rows[i], "inet_diag_msg_state")};
		uint64_t cookie = strtoull(cell(&rows[i], "inet_diag_msg_socket_cookie"), NULL, 10);

		if (strcmp(cell(&rows[i], "netns"), s->name) != 0 || seen_by_ss(s, cookie) ||
		    s->seen == LINES_MAX || !shown_by_ss(l.what))
			continue;
		if (!line_with(s->ss[0], cookie, first, sizeof(first)) ||
		    !line_with(s->ss[1], cookie, second, sizeof(second)) || !ss_line_rests(first, second)) {
			left = l.what;
			continue;
		}
		ss_line_walk(second, compare_with_ss, record_number, &l);
		s->seen_by_ss[s->seen++] = cookie;
	}
	return left;
}

/* Each line that was there before and after must have a record. */
static void compare_presence(const struct space *s)
{
	char line[2048], other[2048];

	for (const char *text = s->ss[0], *next; *text; text = next) {
		size_t len = strcspn(text, "\n");

		next = text + len + (text[len] == '\n');
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		uint64_t cookie = ss_line_cookie(line);
		if (!strncmp(line, "UNCONN", 6) || !line_with(s->ss[1], cookie, other, sizeof(other)))
			continue;
		if (!row_of(s, cookie))
			differ("ss shows a socket of %s that has no record: %.120s", s->name, line);
	}
}

/* ---- all of it ---- */

static void note_unknown(void)
{
	for (size_t i = 0; i < row_count; i++)
		unknown |= strtoull(cell(&rows[i], "inet_diag_attributes"), NULL, 10) >>
			   (ATTRIBUTES_KNOWN + 1) << (ATTRIBUTES_KNOWN + 1);
}

/* One round. Return whether all was compared; else `why` says what was not. */
static bool compare_all(char *why, size_t size)
{
	bool all = true;

	read_ss(0);
	ask_owners(false);
	read_records();
	ask_owners(true);
	read_ss(1);
	note_unknown();
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
	printf("kernel=%s tcp_info=%u unknown=", kernel.release, info_len);
	if (!unknown)
		printf("none");
	for (unsigned bit = 0, n = 0; bit < 64; bit++)
		if (unknown >> bit & 1)
			printf("%s%u", n++ ? "," : "", bit);
	printf(
	    " records=%zu values=%llu: equal to getsockopt of %zu sockets, to ss of %zu, in %u rounds; with %s\n",
	    seen, (unsigned long long)compared, held, seen, rounds, spaces[0].population.features);
}

int main(int argc, char **argv)
{
	char why[200] = "";
	unsigned rounds = 0;

	flags_parse(flags, argc, argv,
		    "Compares the daemon's records with getsockopt and ss, socket by socket");
	_cleanup_free_ char *list = strdup(names);
	int64_t end = clock_mono_ns() + limit_ns;

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!list || home < 0 || uname(&kernel) < 0)
		die("start: %s", strerror(errno));
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_spaces(list);
	if (!space_count)
		die("no namespace to look at: -netns NAME,...");
	while (!compare_all(why, sizeof(why)) && !differences) {
		rounds++;
		if (clock_mono_ns() > end)
			die("kernel %s: no end of changes: %s", kernel.release, why);
	}
	if (differences) {
		printf("kernel %s: %s; %llu of %llu values differ\n", kernel.release, first_difference,
		       (unsigned long long)differences, (unsigned long long)compared);
		return 1;
	}
	print_result(rounds + 1);
	return 0;
}
