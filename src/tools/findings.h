/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_FINDINGS_H
#define TOOLS_FINDINGS_H
/* The findings of equals_kernel: the number of values compared, and the differences. One thread. */
#include <stdbool.h>
#include <stdint.h>

#define FINDING_MAX 400

struct findings {
	uint64_t compared, differences;
	char first[FINDING_MAX]; /* the first difference */
};

extern struct findings findings;

/* The running kernel's release; NULL and errno when uname(2) fails. */
const char *kernel_release(void);

/* Return whether the running kernel is of an earlier series than major.minor. */
bool kernel_older_than(int major, int minor);

/* Count a difference, and print it with the kernel's release unless very many were printed. */
void differ(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Print one line to standard output, where the check that runs this program looks for its reason, and exit with 1. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
