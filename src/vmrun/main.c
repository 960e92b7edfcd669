/* SPDX-License-Identifier: MIT */
/* xtcp2-vmrun: boots a test machine, follows its self-test and judges it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/input.h"
#include "base/log.h"
#include "base/standard_fds.h"
#include "version.h"
#include "vmrun/child.h"
#include "vmrun/events.h"
#include "vmrun/judge.h"
#include "vmrun/report.h"
#include "vmrun/run.h"
#include "vmrun/setup.h"
#include "vmrun/shell.h"

#define LOG_NAME  "xtcp2-vmrun"
#define BAD_USAGE 2
#define ACCEL_ENV "XTCP2_VM_ACCEL"

enum option_id {
	OPT_FLAVOR = 256,
	OPT_FLAVORS,
	OPT_IMAGE,
	OPT_LAUNCHER,
	OPT_KERNEL,
	OPT_DURATION,
	OPT_TIMEOUT,
	OPT_ACCEL,
	OPT_MACHINE,
	OPT_QEMU,
	OPT_PORTS,
	OPT_REPORT,
	OPT_APPEND,
	OPT_KEEP_ALIVE,
	OPT_DEBUG_SHELL,
	OPT_FAIL_FAST,
	OPT_HELP,
};

/* The options of "run" and their help. */
static const struct {
	const char *name, *argument, *help;
	enum option_id id;
} options[] = {
    {"flavor", "NAME", "the row of the flavors file to run", OPT_FLAVOR},
    {"flavors", "FILE", "the flavors file (nix/microvms/flavors.json)", OPT_FLAVORS},
    {"image", "DIR", "a directory with vmlinuz, initrd.img, root.erofs and manifest.json", OPT_IMAGE},
    {"launcher", "PATH", "a program that execs QEMU with $XTCP2_VMRUN_QEMU_ARGS appended, instead of --image",
     OPT_LAUNCHER},
    {"kernel", "FILE", "the launcher's kernel, to prove KVM with (auto is TCG without)", OPT_KERNEL},
    {"duration", "D", "how long the flavor's load runs, such as 90s or 12h (the flavor's)", OPT_DURATION},
    {"timeout", "D", "limit of the whole run (the flavor's, scaled, plus the duration)", OPT_TIMEOUT},
    {"accel", "auto|kvm|tcg", "auto proves KVM by a boot and falls back to TCG (auto; $" ACCEL_ENV ")",
     OPT_ACCEL},
    {"machine", "q35|microvm", "QEMU's machine type (q35)", OPT_MACHINE},
    {"qemu", "PROGRAM", "the QEMU to run (" QEMU_DEFAULT ")", OPT_QEMU},
    {"ports", "fixed|auto", "forward the ports that the flavor lists, or free ones (fixed)", OPT_PORTS},
    {"report", "DIR", "where transcript, events and reports go (xtcp2-vm/FLAVOR)", OPT_REPORT},
    {"append", "TEXT", "more for the guest's kernel command line", OPT_APPEND},
    {"keep-alive", NULL, "leave the machine up after the verdict, its console on 127.0.0.1:12055",
     OPT_KEEP_ALIVE},
    {"debug-shell", NULL, "give this terminal to the guest's console", OPT_DEBUG_SHELL},
    {"fail-fast", NULL, "end the run at the first failed check", OPT_FAIL_FAST},
    {"help", NULL, "this text", OPT_HELP},
};

static int usage(FILE *to, int status)
{
	fputs(
	    "usage: xtcp2-vmrun run --flavor NAME (--image DIR | --launcher PATH) [option ...]\n"
	    "       xtcp2-vmrun replay DIR        judge a recorded run again (DIR/events.jsonl)\n"
	    "       xtcp2-vmrun doctor [--image DIR] [--accel A]   what this host can do\n"
	    "       xtcp2-vmrun version\n"
	    "Exit status: 0 pass, 1 fail, 2 no verdict (time-out, hang, crash; bad usage), 3 could not run.\n"
	    "Options of run:\n",
	    to);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char name[64];
		snprintf(name, sizeof(name), "--%s %s", options[i].name,
			 options[i].argument ? options[i].argument : "");
		fprintf(to, "  %-22s %s\n", name, options[i].help);
	}
	return status;
}

static int bad(const char *option, const char *value, const char *possible)
{
	log_err(LOG_NAME, "--%s '%s': possible is %s", option, value, possible);
	return -EINVAL;
}

static int read_duration(const char *option, const char *value, int64_t *ns)
{
	int r = duration_parse(value, ns);

	return r < 0 || (strcmp(option, "timeout") == 0 && !*ns)
		   ? bad(option, value, "a duration such as 90s or 12h")
		   : 0;
}

static int read_choice(const char *option, const char *value, const char *yes, const char *no, bool *is_yes)
{
	char possible[64];

	snprintf(possible, sizeof(possible), "%s or %s", no, yes);
	*is_yes = strcmp(value, yes) == 0;
	return *is_yes || strcmp(value, no) == 0 ? 0 : bad(option, value, possible);
}

/* Puts one option into o. 0, -EINVAL after a message, 1 for help. */
static int set_option(struct run_options *o, enum option_id id, char *value)
{
	bool flag;

	switch (id) {
	case OPT_FLAVOR:
		o->flavor = value;
		return 0;
	case OPT_FLAVORS:
		o->flavors = value;
		return 0;
	case OPT_IMAGE:
		o->image = value;
		return 0;
	case OPT_LAUNCHER:
		o->launcher = value;
		return 0;
	case OPT_KERNEL:
		o->kernel = value;
		return 0;
	case OPT_DURATION:
		return read_duration("duration", value, &o->duration_ns);
	case OPT_TIMEOUT:
		return read_duration("timeout", value, &o->timeout_ns);
	case OPT_ACCEL:
		return accel_parse(value, &o->accel) ? 0 : bad("accel", value, "auto, kvm or tcg");
	case OPT_MACHINE:
		o->machine = value;
		return read_choice("machine", value, "microvm", "q35", &flag);
	case OPT_QEMU:
		o->qemu = value;
		return 0;
	case OPT_PORTS:
		return read_choice("ports", value, "auto", "fixed", &o->ports_auto);
	case OPT_REPORT:
		o->report = value;
		return 0;
	case OPT_APPEND:
		o->append = value;
		return 0;
	case OPT_KEEP_ALIVE:
		o->keep_alive = true;
		return 0;
	case OPT_DEBUG_SHELL:
		o->debug_shell = true;
		return 0;
	case OPT_FAIL_FAST:
		o->fail_fast = true;
		return 0;
	case OPT_HELP:
		return 1;
	}
	return -EINVAL;
}

/* 0, -EINVAL after a message, 1 for help. */
static int parse_options(int argc, char **argv, struct run_options *o)
{
	struct option longs[ARRAY_SIZE(options) + 1] = {0};
	const char *accel = getenv(ACCEL_ENV);
	int id, r = 0;

	*o = (struct run_options){.flavors = "nix/microvms/flavors.json",
				  .qemu = QEMU_DEFAULT,
				  .machine = "q35",
				  .duration_ns = -1,
				  .timeout_ns = -1,
				  .console_port = SHELL_PORT};
	if (accel && *accel && !accel_parse(accel, &o->accel))
		return bad(ACCEL_ENV, accel, "auto, kvm or tcg");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		longs[i] =
		    (struct option){options[i].name, options[i].argument ? required_argument : no_argument,
				    NULL, options[i].id};
	while (r == 0 && (id = getopt_long_only(argc, argv, "", longs, NULL)) != -1)
		r = id == '?' ? -EINVAL : set_option(o, id, optarg);
	if (r == 0 && optind < argc) {
		log_err(LOG_NAME, "unexpected argument '%s'", argv[optind]);
		r = -EINVAL;
	}
	return r;
}

static int cmd_run(int argc, char **argv)
{
	struct run_options o;
	int r = parse_options(argc, argv, &o);

	if (r == 1)
		return usage(stdout, 0);
	if (r < 0)
		return BAD_USAGE;
	if (!o.flavor || !o.image == !o.launcher) {
		log_err(LOG_NAME, "run needs --flavor and one of --image and --launcher");
		return BAD_USAGE;
	}
	return run_vm(&o);
}

static int cmd_replay(int argc, char **argv)
{
	char path[PATH_MAX];
	struct judge judge;

	if (argc != 2 || argv[1][0] == '-')
		return usage(argc == 2 && strstr(argv[1], "help") ? stdout : stderr, BAD_USAGE);
	snprintf(path, sizeof(path), "%s/events.jsonl", argv[1]);
	judge_init(&judge);
	int r = events_replay(path, &judge), status = VERDICT_NOT_RUN;
	if (r < 0) {
		log_err(LOG_NAME, "cannot replay %s: %s", path,
			r == -EINVAL ? "not a recorded run" : input_strerror(-r));
	} else {
		judge_finish(&judge);
		report_summary(stdout, &judge, true);
		status = judge.verdict;
	}
	judge_free(&judge);
	return status;
}

/* Writes the first line that "qemu --version" prints. False when it cannot be run. */
static bool qemu_version(const char *qemu, char *line, size_t cap)
{
	char *const argv[] = {(char *)qemu, "--version", NULL};
	struct child child = {0};
	int fds[2], status = -1;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	_cleanup_close_ int out = fds[0];
	int r = child_spawn(&child, argv, NULL, 0, fds[1]);
	close(fds[1]);
	ssize_t n = r == 0 ? read(out, line, cap - 1) : 0;
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return child_reap(&child, true, &status) && status == 0;
}

static int cmd_doctor(int argc, char **argv)
{
	char kernel[PATH_MAX], version[256];
	struct run_options o;
	struct accel accel;
	struct utsname host;
	int r = parse_options(argc, argv, &o);

	if (r)
		return r == 1 ? usage(stdout, 0) : BAD_USAGE;
	uname(&host);
	printf("host      %s %s, %ld cores\n", host.sysname, host.release, sysconf(_SC_NPROCESSORS_ONLN));
	printf("/dev/kvm  %s\n", access("/dev/kvm", R_OK | W_OK) == 0 ? "can be opened" : strerror(errno));
	if (!qemu_version(o.qemu, version, sizeof(version))) {
		printf("qemu      %s cannot be run (Debian: qemu-system-x86)\n", o.qemu);
		return VERDICT_NOT_RUN;
	}
	printf("qemu      %s\n", version);
	if (!o.image) {
		puts("accel     not tried: needs the kernel of an image (--image DIR)");
		return 0;
	}
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", o.image);
	if (access(kernel, R_OK) < 0) {
		log_err(LOG_NAME, "image %s: vmlinuz: %s", o.image, strerror(errno));
		return VERDICT_NOT_RUN;
	}
	r = accel_choose(&accel, o.accel, o.qemu, kernel);
	if (r < 0) {
		printf("accel     none works: %s\n", accel.reason);
		return VERDICT_NOT_RUN;
	}
	printf("accel     %s (%s), canary %" PRId64 " ms, time-outs at %d %%\n", accel.name, accel.reason,
	       accel.canary_ms, accel.scale_percent);
	return 0;
}

static int cmd_version(int argc, char **argv)
{
	puts("xtcp2-vmrun " XTCP2_VERSION);
	return 0;
}

static int cmd_help(int argc, char **argv)
{
	return usage(stdout, 0);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"run", cmd_run},	{"replay", cmd_replay}, {"doctor", cmd_doctor}, {"version", cmd_version},
    {"help", cmd_help}, {"-help", cmd_help},	{"--help", cmd_help},	{"-h", cmd_help},
};

int main(int argc, char **argv)
{
	standard_fds_fill();
	log_init(LOG_LEVEL_INFO);
	if (argc < 2)
		return usage(stderr, BAD_USAGE);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	log_err(LOG_NAME, "unknown command '%s'; see xtcp2-vmrun help", argv[1]);
	return BAD_USAGE;
}
