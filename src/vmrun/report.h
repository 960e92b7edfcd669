/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_REPORT_H
#define VMRUN_REPORT_H
/* Renderings of a judged run; all of them are made from the judge alone. */
#include <stdbool.h>
#include <stdio.h>

struct judge;

/* Writes results.json, junit.xml and results.tap into dir,
 * each atomically. 0 or -errno of the first that failed. */
int report_write(const char *dir, const struct judge *j);

/* The table that ends a run; with `all`, also what passed. */
void report_summary(FILE *to, const struct judge *j, bool all);

#endif
