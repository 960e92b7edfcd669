/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_AUTOPSY_H
#define VMRUN_AUTOPSY_H
/*
 * Diagnosis of a machine that hangs or has panicked, before the runner ends it.
 * Each step has its own short limit; the verdict does not depend on the findings.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct vm;

#define AUTOPSY_SUMMARY_MAX 512

struct autopsy {
	struct vm *vm;
	const char *why;	/* one line: the cause */
	const char *last_check; /* the check that ran, or NULL */
	const struct buf *tail; /* the last console lines so far; grows while the autopsy runs */
	bool paused;		/* the guest's processors are stopped (a panic) */
};

/* Write the findings to path and a short form of them to summary. Blocks for at most some 10 s. */
void autopsy_run(const struct autopsy *a, const char *path, char summary[static AUTOPSY_SUMMARY_MAX]);

#endif
