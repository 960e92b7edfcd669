/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_RUN_H
#define VMRUN_RUN_H
/* A whole run: prepare, launch, follow, autopsy when needed, judge, report. */
struct run_options;

/* Run the machine. Return the exit status: 0 pass, 1 fail, 2 no verdict, 3 could not run. */
int run_vm(const struct run_options *o);

#endif
