/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_CHILD_H
#define VMRUN_CHILD_H
/*
 * A child process that cannot outlive the runner: the kernel kills it when the
 * runner dies of any cause (PR_SET_PDEATHSIG). The runner is a subreaper and also
 * reaps the orphans of a launcher. A launcher must exec QEMU: the death signal
 * survives exec(2), not fork(2).
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Find a program in PATH as execvp(3) does. Return false when there is none; path is then the name itself. */
bool child_find(const char *name, char path[static PATH_MAX]);

/* fds[i] of child_spawn() is CHILD_FD_FIRST + i in the child. */
#define CHILD_FD_FIRST 10
#define CHILD_FDS_MAX  8

struct child {
	pid_t pid; /* 0: none */
	int pidfd;
};

/*
 * Start argv[0] (searched in PATH) in its own process group with standard input
 * from /dev/null, standard output and error to out_fd, and `fds` inherited. Main
 * thread only. Return 0 or -errno, including -ENOENT and -EACCES of the exec.
 */
int child_spawn(struct child *c, char *const argv[], const int *fds, size_t n, int out_fd);

/* Reap the child if it has ended; with `block`, wait for its end. Return true with the wait(2) status. */
bool child_reap(struct child *c, bool block, int *status);
/* Send SIGKILL to the child's process group. Does nothing without a child. */
void child_kill(struct child *c);

#endif
