/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_REPORT_H
#define VMRUN_REPORT_H
/* Reports of a judged run, made from the judge alone. */
#include <stdbool.h>
#include <stdio.h>

struct judge;

/* Write results.json, junit.xml and results.tap into dir, each atomically. Return 0, or -errno of the first
 * failure. */
int report_write(const char *dir, const struct judge *j);

/*
 * Print the table at the end of a run: findings, and the checks that failed and were not shown when they ended;
 * with `all`, every check.
 */
void report_summary(FILE *to, const struct judge *j, bool all);

#endif
