/* SPDX-License-Identifier: MIT */
/*
 * Runs a command, discards its output and prints the kernel's accounting of it as one
 * JSON line: CPU, wall time, largest resident memory.
 *
 * Usage: measure COMMAND [ARGUMENT]...
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: measure COMMAND [ARGUMENT]...\n");
		return 2;
	}
	int64_t begin = clock_mono_ns();
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, STDOUT_FILENO);
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	int status;
	struct rusage r;
	if (pid < 0 || wait4(pid, &status, 0, &r) < 0) {
		perror("measure");
		return 1;
	}
	printf("{\"status\": %d, \"cpu_us\": %lld, \"wall_us\": %lld, \"rss_kib\": %ld}\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000LL + r.ru_utime.tv_usec + r.ru_stime.tv_usec,
	       (long long)(clock_mono_ns() - begin) / 1000, r.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
