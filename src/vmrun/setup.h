/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_SETUP_H
#define VMRUN_SETUP_H
/*
 * Checks before a machine is started: flavor, image, QEMU, ports, accelerator,
 * report directory. Each failure is one line.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmrun/accel.h"
#include "vmrun/arch.h"
#include "vmrun/flavor.h"
#include "vmrun/qemu.h"

struct run_options {
	const char *flavors, *flavor, *image, *launcher, *kernel, *machine, *report, *append;
	const struct arch *arch;
	const char *qemu;		 /* the architecture's unless the user names another */
	int64_t duration_ns, timeout_ns; /* -1: the flavor's */
	enum accel_want accel;
	bool keep_alive, debug_shell, ports_auto, fail_fast, timings;
	int console_port;
};

#define NONCE_BYTES 12

struct setup {
	const struct run_options *options;
	struct flavor flavor;
	struct accel accel;
	struct argv argv;
	char report[PATH_MAX], run_file[PATH_MAX + 16];
	char kernel[PATH_MAX], initrd[PATH_MAX], root[PATH_MAX];
	char nonce[2 * NONCE_BYTES + 1];
	char append[2048];
	json_t *image;			 /* file name -> bytes, and the manifest's id */
	int64_t duration_ns, timeout_ns; /* of the whole run, scaled, with the duration */
	int lock_fd;
};

#define SETUP_ERROR_MAX 1024

/* Check and prepare. Return 0, or -errno with one line in error. Call setup_free() in both cases. */
int setup_prepare(struct setup *s, const struct run_options *o, char error[static SETUP_ERROR_MAX]);
void setup_free(struct setup *s);

/* Return the set-up for the report: a new reference. */
json_t *setup_json(const struct setup *s);

#endif
