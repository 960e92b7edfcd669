/* SPDX-License-Identifier: MIT */
#ifndef RUN_SYSCALLS_H
#define RUN_SYSCALLS_H
/* The filter of system calls (seccomp(2)), from the list in syscalls.def. */
#include <stdbool.h>

/*
 * Puts the filter over all threads, and over what they execute, for good; what
 * it refuses is counted, logged once a system call, and fails with ENOSYS. mode
 * is what -seccomp takes: "on", "log" (all is let through, the kernel logs) or
 * "off". uring says whether io_uring may be used. After an exec by a filtered
 * process the filter is there already and is not put there twice.
 *
 * Needs no_new_privs. 0, also where the kernel has no filters or this build
 * cannot run under one, which is logged, or -errno, logged.
 */
int syscalls_restrict(const char *mode, bool uring);

#endif
