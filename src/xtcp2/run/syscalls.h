/* SPDX-License-Identifier: MIT */
#ifndef RUN_SYSCALLS_H
#define RUN_SYSCALLS_H
/* The filter of system calls (seccomp(2)), from the list in syscalls.def. */
#include <stdbool.h>

/*
 * Apply the filter to all threads and the programs they execute, for good; refused
 * calls are counted, logged once per system call, and fail with ENOSYS. mode is the
 * value of -seccomp: "on", "log" (everything is allowed, the kernel logs) or
 * "off". uring says whether io_uring may be used. After an exec by a filtered
 * process the filter is already in place and is not installed twice.
 *
 * Needs no_new_privs. Return 0, also if the kernel has no filters or this build
 * cannot run under one (logged), or -errno (logged).
 */
int syscalls_restrict(const char *mode, bool uring);

#endif
