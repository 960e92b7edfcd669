/* SPDX-License-Identifier: MIT */
#include "base/standard_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* A reader that has left needs no line. */
static void say_why(const char *why)
{
	fprintf(stderr, "%s: stdout: %s\n", program_invocation_short_name, why);
}

int standard_output(const struct buf *b)
{
	if (!buf_ok(b)) {
		say_why("no memory for the output");
		return EXIT_FAILURE;
	}
	if (fwrite(b->data, 1, b->len, stdout) == b->len && fflush(stdout) == 0)
		return EXIT_SUCCESS;
	if (errno != EPIPE)
		say_why(strerror(errno));
	clearerr(stdout);
	return EXIT_FAILURE;
}

static void finish_stdout(void)
{
	if (ferror(stdout)) {
		say_why("not all could be written");
		_exit(EXIT_FAILURE);
	}
	if (fflush(stdout) == 0)
		return;
	if (errno != EPIPE)
		say_why(strerror(errno));
	_exit(EXIT_FAILURE);
}

void standard_fds_fill(void)
{
	static bool called;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* open(2) takes the lowest free number, which is this one. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
	if (!called)
		atexit(finish_stdout);
	called = true;
}
