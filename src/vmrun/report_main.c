/* SPDX-License-Identifier: MIT */
/*
 * xtcp2-report: the guest's end of the results and artifact ports.
 *
 * Theory of operation. Checks are shell scripts that run one command per record,
 * so a state file keeps the sequence number. A sender holds a lock on that file
 * from taking the number until the line is written (a virtio port can also be
 * opened only once at a time). The sentinel, for people and for readers of the
 * console, goes to /dev/kmsg as one record: unlike a write to the tty, the kernel
 * never splits it with other console output. Without a results port (a run on a
 * developer's machine) the sentinel goes to standard output, and no record is sent.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/input.h"
#include "base/standard_fds.h"
#include "base/suggest.h"
#include "vmrun/crc32c.h"
#include "vmrun/metric.h"
#include "vmrun/result_line.h"

#define STATE_FILE_DEFAULT "/run/xtcp2-report.state"
#define PORTS_DIR	   "/sys/class/virtio-ports"
#define FW_CFG_FILE	   "/sys/firmware/qemu_fw_cfg/by_name/opt/org.xtcp2/run/raw"

/* Limits of the wait for a port that another sender holds, and for the host's answer. */
#define PORT_BUSY_MS 10000
#define ANSWER_MS    30000

/* Bound of a reason or note: with every byte escaped it still fits into a record. */
#define TEXT_MAX 900

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "xtcp2-report: %s %s: %s\n", what, object, strerror(error));
	return 1;
}

static int read_small(const char *path, char *out, size_t cap)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, out, cap - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return 0;
}

/* Find "xtcp2.nonce=" in the kernel command line, else in the host's fw_cfg file; "none" without a host. */
static void find_nonce(char nonce[static RESULT_NONCE_MAX])
{
	static const char *const places[] = {"/proc/cmdline", FW_CFG_FILE};
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (read_small(places[i], text, sizeof(text)) < 0)
			continue;
		const char *at = strstr(text, "xtcp2.nonce=");
		if (!at)
			continue;
		at += strlen("xtcp2.nonce=");
		size_t n = strcspn(at, " \t\r\n");
		if (n && n < RESULT_NONCE_MAX) {
			memcpy(nonce, at, n);
			nonce[n] = '\0';
			return;
		}
	}
	snprintf(nonce, RESULT_NONCE_MAX, "none");
}

/* Open the port of that name; wait while another process holds it. Return fd or -errno (-ENODEV: no port). */
static int open_port(const char *name)
{
	DIR *dir = opendir(PORTS_DIR);
	if (!dir)
		return -ENODEV;
	char device[PATH_MAX] = "";
	for (struct dirent *e; !device[0] && (e = readdir(dir));) {
		char path[PATH_MAX], port[128];
		snprintf(path, sizeof(path), PORTS_DIR "/%s/name", e->d_name);
		if (e->d_name[0] == '.' || read_small(path, port, sizeof(port)) < 0)
			continue;
		port[strcspn(port, "\n")] = '\0';
		if (strcmp(port, name) == 0)
			snprintf(device, sizeof(device), "/dev/%s", e->d_name);
	}
	closedir(dir);
	if (!device[0])
		return -ENODEV;
	for (int waited = 0;; waited += 10) {
		int fd = open(device, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY || waited >= PORT_BUSY_MS)
			return fd >= 0 ? fd : -errno;
		poll(NULL, 0, 10);
	}
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0) {
			p += w;
			n -= w;
		}
	}
	return 0;
}

/* Wait for the host's answer line. Return 0 for ACK, -EBADMSG for NAK, -ETIMEDOUT or another -errno. */
static int wait_answer(int fd)
{
	char answer[16] = "";
	size_t len = 0;
	int64_t deadline = clock_mono_ns() + ANSWER_MS * NS_PER_MS;

	while (!strchr(answer, '\n')) {
		int64_t left = (deadline - clock_mono_ns()) / NS_PER_MS;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		ssize_t n = read(fd, answer + len, sizeof(answer) - 1 - len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0)
			len += n;
		if (len == sizeof(answer) - 1)
			return -EPROTO;
	}
	return strcmp(answer, RESULT_ACK) == 0 ? 0 : -EBADMSG;
}

/* A check's verdict as written to the console. */
struct sentinel {
	const char *name, *verdict, *reason;
};

/* Write the sentinel: to the kernel's log when there is a results port, to standard output otherwise. */
static void write_sentinel(const struct sentinel *s, bool in_guest)
{
	char line[768];
	/* Priority 1 (alert): shown on the console whatever the guest's log level is. */
	int n = snprintf(line, sizeof(line), "%s" SENTINEL_PREFIX "%s_%s%s%s\n", in_guest ? "<1>" : "",
			 s->name, s->verdict, *s->reason ? " " : "", s->reason);
	if (n >= (int)sizeof(line))
		line[(n = sizeof(line) - 1) - 1] = '\n';
	for (int i = 0; i < n - 1; i++) {
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	}
	_cleanup_close_ int fd = in_guest ? open("/dev/kmsg", O_WRONLY | O_CLOEXEC) : -1;
	ssize_t ignored = write(fd >= 0 ? fd : STDOUT_FILENO, line, n);
	(void)ignored;
}

/* Send one record; after BYE, wait for the answer on the same descriptor. */
static int send_record(struct result_line *line, const struct sentinel *sentinel)
{
	const char *state = getenv("XTCP2_REPORT_STATE");
	char text[32], out[RESULT_LINE_MAX];

	_cleanup_close_ int port = -1;
	_cleanup_close_ int lock =
	    open(state ? state : STATE_FILE_DEFAULT, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock >= 0 && flock(lock, LOCK_EX) < 0)
		return fail("cannot lock", state ? state : STATE_FILE_DEFAULT, errno);
	port = open_port(RESULT_PORT);
	if (sentinel)
		write_sentinel(sentinel, port >= 0);
	if (port == -ENODEV)
		return 0;
	if (port < 0)
		return fail("cannot open port", RESULT_PORT, -port);
	if (lock < 0)
		return fail("cannot open", state ? state : STATE_FILE_DEFAULT, errno);

	ssize_t n = pread(lock, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	find_nonce(line->nonce);
	line->seq = strtoull(text, NULL, 10);
	line->mono_ms = clock_mono_ns() / NS_PER_MS;
	int len = result_line_format(line, out);
	if (len < 0)
		return fail("cannot send", result_verb_name(line->verb), -len);
	int r = write_all(port, out, len);
	if (r < 0)
		return fail("cannot write to port", RESULT_PORT, -r);
	n = snprintf(text, sizeof(text), "%" PRIu64 "\n", line->seq + 1);
	if (pwrite(lock, text, n, 0) != n)
		return fail("cannot write", state ? state : STATE_FILE_DEFAULT, errno);
	r = line->verb == RESULT_BYE ? wait_answer(port) : 0;
	return r < 0 ? fail("no acknowledgement on port", RESULT_PORT, -r) : 0;
}

static int send_artifact(const char *name, const char *path)
{
	char nonce[RESULT_NONCE_MAX], header[256];
	static char chunk[64 * 1024];
	uint32_t crc = 0;
	uint64_t size = 0;
	ssize_t n;

	_cleanup_close_ int port = -1;
	_cleanup_close_ int file = input_open(path);
	if (file == -EPIPE)
		return fail("cannot send a FIFO as an artifact:", path, EPIPE);
	if (file < 0)
		return fail("cannot open", path, -file);
	while ((n = read(file, chunk, sizeof(chunk))) > 0) {
		crc = crc32c(crc, chunk, n);
		size += n;
	}
	if (n < 0 || lseek(file, 0, SEEK_SET) < 0)
		return fail("cannot read", path, errno);
	port = open_port(ARTIFACT_PORT);
	if (port < 0)
		return fail("cannot open port", ARTIFACT_PORT, -port);
	find_nonce(nonce);
	n = snprintf(header, sizeof(header), "XA %s %s %" PRIu64 " %08" PRIx32 "\n", nonce, name, size, crc);
	int r = write_all(port, header, n);
	/* A file that grows meanwhile is cut at the announced size;
	 * one that shrinks fails the host's check. */
	for (uint64_t left = size; r == 0 && left;) {
		n = read(file, chunk, left < sizeof(chunk) ? left : sizeof(chunk));
		if (n <= 0)
			return fail("file changed while being sent:", path, n < 0 ? errno : EIO);
		r = write_all(port, chunk, n);
		left -= n;
	}
	if (r == 0)
		r = wait_answer(port);
	return r < 0 ? fail("the host did not take artifact", name, -r) : 0;
}

/* Cut free text to TEXT_MAX. */
static char *cut(char *text)
{
	if (strlen(text) > TEXT_MAX)
		text[TEXT_MAX] = '\0';
	return text;
}

static void add(struct result_line *line, const char *key, const char *value)
{
	line->pair[line->pairs++] = (struct result_pair){key, value};
}

static int cmd_plan(char **args, int n)
{
	struct result_line line = {.verb = RESULT_PLAN};
	add(&line, "checks", args[0]);
	return send_record(&line, NULL);
}

static int cmd_begin(char **args, int n)
{
	struct result_line line = {.verb = RESULT_BEGIN};
	add(&line, "check", args[0]);
	add(&line, "timeout_ms", args[1]);
	if (n > 2)
		add(&line, "load_ms", args[2]);
	return send_record(&line, NULL);
}

static int cmd_end(char **args, int n)
{
	struct result_line line = {.verb = RESULT_END};
	add(&line, "check", args[0]);
	add(&line, "verdict", args[1]);
	add(&line, "ms", args[2]);
	const char *reason = n > 3 ? cut(args[3]) : "";
	add(&line, "reason", reason);
	return send_record(&line, &(struct sentinel){args[0], args[1], reason});
}

static int cmd_note(char **args, int n)
{
	struct result_line line = {.verb = RESULT_NOTE};
	add(&line, "text", cut(args[0]));
	return send_record(&line, NULL);
}

static int cmd_metric(char **args, int n)
{
	struct result_line line = {.verb = RESULT_METRIC};
	if (n % 2) {
		fputs("xtcp2-report: metric wants a value for each name\n", stderr);
		return 2;
	}
	for (int i = 0; i < n; i += 2) {
		if (!result_name_valid(args[i]))
			return fail("not a name:", args[i], EINVAL) + 1;
		add(&line, args[i], args[i + 1]);
	}
	return send_record(&line, NULL);
}

static int cmd_heartbeat(char **args, int n)
{
	struct result_line line = {.verb = RESULT_HEARTBEAT};
	for (int i = 0; i < n && line.pairs < RESULT_PAIRS_MAX; i++) {
		char *eq = strchr(args[i], '=');
		if (!eq || eq == args[i])
			return fail("heartbeat expects name=value, not", args[i], EINVAL) + 1;
		*eq = '\0';
		add(&line, args[i], eq + 1);
	}
	return send_record(&line, NULL);
}

static int cmd_overall(char **args, int n)
{
	struct result_line line = {.verb = RESULT_OVERALL};
	add(&line, "verdict", args[0]);
	return send_record(&line, &(struct sentinel){"OVERALL", args[0], n > 1 ? cut(args[1]) : ""});
}

static int cmd_bye(char **args, int n)
{
	struct result_line line = {.verb = RESULT_BYE};
	return send_record(&line, NULL);
}

static int cmd_artifact(char **args, int n)
{
	return send_artifact(args[0], args[1]);
}

/* The labels are the last arguments, which end with a NULL. */
static int cmd_above(char **args, int n)
{
	char *end;
	double bound = strtod(args[1], &end);

	if (end == args[1] || *end)
		return fail("not a number:", args[1], EINVAL) + 1;
	return metric_wait_above(args[0], bound, args[2], args + 3) < 0
		   ? fail("above expects an address such as 127.0.0.1:9088, not", args[0], EINVAL) + 1
		   : 0;
}

/* `name_arg` and `verdict_arg`: the argument (from 1) that is a name or PASS|FAIL; 0 for none. */
static const struct command {
	const char *name, *args;
	int min, max, name_arg, verdict_arg;
	int (*run)(char **args, int n);
} commands[] = {
    {"plan", "CHECK,CHECK,...", 1, 1, 0, 0, cmd_plan},
    {"begin", "CHECK TIMEOUT_MS [LOAD_MS]", 2, 3, 1, 0, cmd_begin},
    {"end", "CHECK PASS|FAIL MS [REASON]", 3, 4, 1, 2, cmd_end},
    {"note", "TEXT", 1, 1, 0, 0, cmd_note},
    {"metric", "NAME VALUE [NAME VALUE ...]", 2, 2 * 8, 0, 0, cmd_metric},
    {"heartbeat", "[NAME=VALUE ...]", 0, RESULT_PAIRS_MAX, 0, 0, cmd_heartbeat},
    {"overall", "PASS|FAIL [REASON]", 1, 2, 0, 1, cmd_overall},
    {"bye", "", 0, 0, 0, 0, cmd_bye},
    {"artifact", "NAME FILE", 2, 2, 1, 0, cmd_artifact},
    {"above", "ADDRESS NUMBER METRIC [LABEL ...]", 3, 16, 0, 0, cmd_above},
};

static int usage(FILE *to, int status)
{
	fputs("usage: xtcp2-report COMMAND [ARGUMENT ...]\n"
	      "Reports a self-test's progress to the host that runs this machine.\n",
	      to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].args);
	return status;
}

int main(int argc, char **argv)
{
	standard_fds_fill();
	if (argc < 2)
		return usage(stderr, 2);
	if (flags_wants_help(argv[1]))
		return usage(stdout, 0);
	if (flags_wants_version(argv[1]))
		return flags_print_version(argv[0]);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		char **args = argv + 2;
		int n = argc - 2;
		if (strcmp(argv[1], c->name) != 0)
			continue;
		if (n < c->min || n > c->max) {
			fprintf(stderr, "usage: xtcp2-report %s %s\n", c->name, c->args);
			return 2;
		}
		if (c->name_arg && !result_name_valid(args[c->name_arg - 1]))
			return fail("not a name:", args[c->name_arg - 1], EINVAL) + 1;
		const char *verdict = c->verdict_arg ? args[c->verdict_arg - 1] : "PASS";
		if (strcmp(verdict, "PASS") != 0 && strcmp(verdict, "FAIL") != 0)
			return fail("the verdict must be PASS or FAIL, not", verdict, EINVAL) + 1;
		return c->run(args, n);
	}
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];
	suggest_begin(&s, argv[1], strlen(argv[1]));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		suggest_offer(&s, commands[i].name);
	fprintf(stderr, "xtcp2-report: unknown command '%s'; see xtcp2-report -help%s\n", argv[1],
		suggest_text(&s, near));
	return 2;
}
