/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_CHILD_H
#define VMRUN_CHILD_H
/*
 * A child process that cannot outlive the runner: the kernel kills it when the
 * runner dies, whatever of (PR_SET_PDEATHSIG); the runner is a subreaper, so
 * what a launcher leaves behind is reaped too. A launcher must exec QEMU: the
 * death signal survives exec(2), not fork(2).
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Finds a program in PATH as execvp(3) would. False when there is none; path is then the name itself. */
bool child_find(const char *name, char path[static PATH_MAX]);

/* fds[i] of child_spawn() is CHILD_FD_FIRST + i in the child. */
#define CHILD_FD_FIRST 10
#define CHILD_FDS_MAX  8

struct child {
	pid_t pid; /* 0: none */
	int pidfd;
};

/*
 * Starts argv[0] (searched in PATH) in its own process group with standard input
 * from /dev/null, standard output and error to out_fd, and `fds` inherited. Call
 * it from the main thread only. 0 or -errno; -ENOENT and -EACCES of the exec too.
 */
int child_spawn(struct child *c, char *const argv[], const int *fds, size_t n, int out_fd);

/* Reaps it when it has ended: true, with the wait(2) status. With `block`, waits for that. */
bool child_reap(struct child *c, bool block, int *status);
/* Sends SIGKILL to its process group. Harmless when there is none. */
void child_kill(struct child *c);

#endif
