/* SPDX-License-Identifier: MIT */
#include "base/standard_fds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void standard_fds_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* open(2) takes the lowest free number, which is this one. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
}
