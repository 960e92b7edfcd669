/* SPDX-License-Identifier: MIT */
/* xtcp2-vmrun: boots a test machine, follows its self-test and judges it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/flags.h"
#include "base/input.h"
#include "base/log.h"
#include "base/standard_fds.h"
#include "base/suggest.h"
#include "vmrun/arch.h"
#include "vmrun/child.h"
#include "vmrun/events.h"
#include "vmrun/judge.h"
#include "vmrun/report.h"
#include "vmrun/run.h"
#include "vmrun/setup.h"
#include "vmrun/shell.h"
#include "vmrun/timings.h"

#define LOG_NAME  "xtcp2-vmrun"
#define BAD_USAGE 2
#define ACCEL_ENV "XTCP2_VM_ACCEL"

static struct run_options o = {
    .flavors = "nix/microvms/flavors.json",
    .duration_ns = -1,
    .timeout_ns = -1,
    .console_port = SHELL_PORT,
};
static const char *accel = "auto", *ports = "fixed", *arch;

/* The options of "run"; "doctor" uses some of them. */
static const struct flag flags[] = {
    {"flavor", FLAG_STRING, &o.flavor, "the row of the flavors file to run"},
    {"flavors", FLAG_FILE, &o.flavors, "the flavors file"},
    {"image", FLAG_FILE, &o.image, "a directory with vmlinuz, initrd.img, root.erofs and manifest.json"},
    {"launcher", FLAG_FILE, &o.launcher,
     "a program that execs QEMU with $XTCP2_VMRUN_QEMU_ARGS appended, instead of -image"},
    {"kernel", FLAG_FILE, &o.kernel,
     "the launcher's kernel, for the test of KVM (without it, auto means TCG)"},
    {"duration", FLAG_DURATION, &o.duration_ns,
     "duration of the flavor's load, such as 90s or 12h (default: the flavor's)"},
    {"timeout", FLAG_DURATION, &o.timeout_ns,
     "limit of the whole run (default: the flavor's, scaled, plus the duration)"},
    {"accel", FLAG_CHOICE, &accel, "auto tests KVM by a boot and falls back to TCG; $" ACCEL_ENV,
     "auto|kvm|tcg"},
    {"arch", FLAG_CHOICE, &arch, "the guest's architecture (default: this machine's)", "amd64|arm64|s390x"},
    {"machine", FLAG_CHOICE, &o.machine, "QEMU's machine type, of amd64 (default: q35)", "q35|microvm"},
    {"qemu", FLAG_FILE, &o.qemu, "the QEMU to run (default: the architecture's)"},
    {"ports", FLAG_CHOICE, &ports, "forward the host ports that the flavor lists, or free ones",
     "fixed|auto"},
    {"report", FLAG_FILE, &o.report,
     "directory of transcript, events and reports (default: xtcp2-vm/FLAVOR)"},
    {"append", FLAG_STRING, &o.append, "additional arguments of the guest's kernel command line"},
    {"keep-alive", FLAG_BOOL, &o.keep_alive,
     "leave the machine up after the verdict, its console on 127.0.0.1:12055"},
    {"debug-shell", FLAG_BOOL, &o.debug_shell, "give this terminal to the guest's console"},
    {"timings", FLAG_BOOL, &o.timings, "print a table of where the time from launch to verdict went"},
    {"fail-fast", FLAG_BOOL, &o.fail_fast, "end the run at the first failed check"},
    {0},
};

static int usage(FILE *to, int status)
{
	fputs(
	    "usage: xtcp2-vmrun run --flavor NAME (--image DIR | --launcher PATH) [option ...]\n"
	    "       xtcp2-vmrun replay DIR        judge a recorded run again (DIR/events.jsonl)\n"
	    "       xtcp2-vmrun doctor [--image DIR] [--accel A]   show the abilities of this host\n"
	    "       xtcp2-vmrun version\n"
	    "Exit status: 0 pass, 1 fail, 2 no verdict (time-out, hang, crash; bad usage), 3 could not run.\n\n",
	    to);
	flags_print(to, flags);
	return status;
}

/* Parse the command line; end the process with status 2 on a bad argument, with 0 after -help. */
static void parse_options(int argc, char **argv)
{
	const char *environment = getenv(ACCEL_ENV);

	if (environment && *environment)
		accel = environment;
	flags_parse(flags, argc, argv, "boots a test machine and judges it");
	if (!accel_parse(accel, &o.accel)) {
		log_err(LOG_NAME, "%s=%s: must be auto, kvm or tcg", ACCEL_ENV, accel);
		exit(BAD_USAGE);
	}
	o.arch = arch ? arch_find(arch) : arch_host();
	if (!o.arch || (o.machine && !o.arch->isa)) {
		log_err(LOG_NAME, o.arch ? "-machine is for amd64 only"
					 : "-arch: this machine's cannot be the default");
		exit(BAD_USAGE);
	}
	if (!o.qemu)
		o.qemu = o.arch->qemu;
	if (o.timeout_ns == 0) {
		log_err(LOG_NAME, "-timeout must be longer than 0s");
		exit(BAD_USAGE);
	}
	o.ports_auto = strcmp(ports, "auto") == 0;
}

static int cmd_run(int argc, char **argv)
{
	parse_options(argc, argv);
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
		timings_print(stdout, &judge);
		status = judge.verdict;
	}
	judge_free(&judge);
	return status;
}

/* Write the first line of "qemu --version". Return false when QEMU cannot be run. */
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
	struct accel chosen;
	struct utsname host;

	parse_options(argc, argv);
	uname(&host);
	printf("host      %s %s, %ld cores\n", host.sysname, host.release, sysconf(_SC_NPROCESSORS_ONLN));
	printf("/dev/kvm  %s\n", access("/dev/kvm", R_OK | W_OK) == 0 ? "can be opened" : strerror(errno));
	if (!qemu_version(o.qemu, version, sizeof(version))) {
		printf("qemu      %s cannot be run (Debian: %s)\n", o.qemu, o.arch->package);
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
	if (accel_choose(&chosen, o.accel, o.arch, o.qemu, kernel) < 0) {
		printf("accel     none works: %s\n", chosen.reason);
		return VERDICT_NOT_RUN;
	}
	printf("accel     %s (%s), canary %" PRId64 " ms, time-outs at %d %%\n", chosen.name, chosen.reason,
	       chosen.canary_ms, chosen.scale_percent);
	return 0;
}

static int cmd_version(int argc, char **argv)
{
	return flags_print_version("xtcp2-vmrun");
}

static int cmd_help(int argc, char **argv)
{
	return usage(stdout, 0);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"run", cmd_run},	      {"replay", cmd_replay}, {"doctor", cmd_doctor},
    {"version", cmd_version}, {"help", cmd_help},
};

int main(int argc, char **argv)
{
	standard_fds_fill();
	log_init(LOG_LEVEL_INFO);
	if (argc < 2)
		return usage(stderr, BAD_USAGE);
	if (flags_wants_help(argv[1]))
		return usage(stdout, 0);
	if (flags_wants_version(argv[1]))
		return flags_print_version(argv[0]);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		/* flags_parse() prefixes its messages with this name. */
		argv[1] = argv[0];
		return commands[i].run(argc - 1, argv + 1);
	}
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];
	suggest_begin(&s, argv[1], strlen(argv[1]));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		suggest_offer(&s, commands[i].name);
	log_err(LOG_NAME, "unknown command '%s'; see xtcp2-vmrun help%s", argv[1], suggest_text(&s, near));
	return BAD_USAGE;
}
