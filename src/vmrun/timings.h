/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_TIMINGS_H
#define VMRUN_TIMINGS_H
#include <stdio.h>

#include "vmrun/judge.h"

/* Print where the time from launch to verdict went, as a table: the steps of the boot, each check, the power-off. */
void timings_print(FILE *to, const struct judge *j);

#endif
