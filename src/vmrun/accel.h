/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_ACCEL_H
#define VMRUN_ACCEL_H
/*
 * The choice of an accelerator. A canary boot (canary.h) proves it; the answer is
 * cached per boot of the host, QEMU and kernel under $XDG_CACHE_HOME/xtcp2/accel.
 * The canary's boot time under the chosen accelerator scales all time-outs.
 */
#include <stdbool.h>
#include <stdint.h>

#include "vmrun/arch.h"

enum accel_want { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct accel {
	const char *name;  /* "kvm" or "tcg" */
	const char *cpu;   /* QEMU's -cpu */
	char reason[320];  /* of the choice, for people */
	int64_t canary_ms; /* corrected for the host's load */
	int scale_percent; /* applied to every time-out; at least 100 */
};

/* Parse "auto", "kvm" or "tcg". Return false for anything else. */
bool accel_parse(const char *text, enum accel_want *want);

/*
 * Choose an accelerator; KVM is none for another architecture than this machine's. Blocks for the canaries that are not cached: up to 10 s when KVM hangs.
 * Return 0, or -ENOTSUP with `reason` filled in when the wanted accelerator does not work.
 */
int accel_choose(struct accel *a, enum accel_want want, const struct arch *arch, const char *qemu,
		 const char *kernel);

#endif
