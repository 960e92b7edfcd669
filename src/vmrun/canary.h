/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_CANARY_H
#define VMRUN_CANARY_H
/*
 * A boot of the real kernel with an init of a few bytes, which proves that an
 * accelerator works. No cheaper test does: a nested KVM may pass every probe of
 * its device and still hang in the firmware.
 */
#include <stdbool.h>
#include <stdint.h>

#include "vmrun/arch.h"

/* The init's output. */
#define CANARY_WORD  "XTCP2_CANARY_READY"
#define CANARY_READY "\n" CANARY_WORD "\n"

struct canary {
	bool ok;
	int64_t ms;	  /* from launch to the init's first output */
	char reason[256]; /* of a failure, in a few words */
};

/* Boot the canary; blocks for at most deadline_ms. Leaves no process and no file behind. */
void canary_boot(struct canary *c, const struct arch *arch, const char *qemu, const char *kernel,
		 const char *accel, const char *cpu, int64_t deadline_ms);

#endif
