/* SPDX-License-Identifier: MIT */
#include "vmrun/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"

bool child_find(const char *name, char path[static PATH_MAX])
{
	const char *dir = getenv("PATH");

	for (dir = dir ? dir : "/usr/bin:/bin"; *dir && !strchr(name, '/'); dir += *dir == ':') {
		size_t n = strcspn(dir, ":");
		snprintf(path, PATH_MAX, "%.*s/%s", (int)n, dir, name);
		if (n && access(path, X_OK) == 0)
			return true;
		dir += n;
	}
	snprintf(path, PATH_MAX, "%s", name);
	return access(path, X_OK) == 0 && strchr(name, '/');
}

/* Above every number that the child's inherited descriptors get. */
#define FD_ASIDE 64

/* Exec argv in the child; on failure write errno to err_fd. */
static _Noreturn void run_child(char *const argv[], const int *fds, size_t n, int out_fd, int err_fd,
				pid_t parent)
{
	int aside[CHILD_FDS_MAX];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* died before prctl() */
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < n; i++)
		aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_ASIDE);
	int err = fcntl(err_fd, F_DUPFD_CLOEXEC, FD_ASIDE), out = fcntl(out_fd, F_DUPFD_CLOEXEC, FD_ASIDE);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	for (size_t i = 0; i < n; i++)
		dup2(aside[i], CHILD_FD_FIRST + (int)i);
	syscall(SYS_close_range, 3, CHILD_FD_FIRST - 1, 0);
	syscall(SYS_close_range, CHILD_FD_FIRST + (unsigned int)n, FD_ASIDE - 1, 0);
	execvp(argv[0], argv);
	int error = errno;
	ssize_t ignored = write(err, &error, sizeof(error));
	(void)ignored;
	_exit(127);
}

int child_spawn(struct child *c, char *const argv[], const int *fds, size_t n, int out_fd)
{
	int pipe_fds[2], error = 0;
	pid_t parent = getpid();

	if (n > CHILD_FDS_MAX)
		return -E2BIG;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int err_read = pipe_fds[0];
	_cleanup_close_ int err_write = pipe_fds[1];
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(argv, fds, n, out_fd, err_write, parent);
	close(take_fd(err_write));
	/* The pipe closes on exec: end of file means that the program runs. */
	if (read(err_read, &error, sizeof(error)) > 0) {
		waitpid(pid, NULL, 0);
		return -error;
	}
	*c = (struct child){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	if (c->pidfd < 0) {
		int saved = errno;
		child_kill(c);
		waitpid(pid, NULL, 0);
		c->pid = 0;
		return -saved;
	}
	return 0;
}

bool child_reap(struct child *c, bool block, int *status)
{
	pid_t r;

	if (!c->pid)
		return false;
	do {
		r = waitpid(c->pid, status, block ? 0 : WNOHANG);
	} while (r < 0 && errno == EINTR);
	if (r != c->pid)
		return false;
	/* Kill the rest of the process group, which a launcher may have left. */
	kill(-c->pid, SIGKILL);
	close(c->pidfd);
	*c = (struct child){.pidfd = -1};
	return true;
}

void child_kill(struct child *c)
{
	if (!c->pid)
		return;
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
}
