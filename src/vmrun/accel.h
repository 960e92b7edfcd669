/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_ACCEL_H
#define VMRUN_ACCEL_H
/*
 * Which accelerator to use, proved by a canary boot (canary.h) and remembered
 * per boot of the host, QEMU and kernel under $XDG_CACHE_HOME/xtcp2/accel. The
 * canary's time under the chosen one is the unit that time-outs are scaled by.
 */
#include <stdbool.h>
#include <stdint.h>

enum accel_want { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct accel {
	const char *name;  /* "kvm" or "tcg" */
	const char *cpu;   /* QEMU's -cpu */
	char reason[320];  /* why this one, for people */
	int64_t canary_ms; /* corrected for the host's load */
	int scale_percent; /* of every time-out: at least 100 */
};

/* "auto", "kvm", "tcg" -> want. False for anything else. */
bool accel_parse(const char *text, enum accel_want *want);

/*
 * Chooses; blocks for the canaries that are not remembered (up to 10 s for a KVM
 * that hangs). 0, or -ENOTSUP with `reason` filled in: the one wanted does not work.
 */
int accel_choose(struct accel *a, enum accel_want want, const char *qemu, const char *kernel);

#endif
