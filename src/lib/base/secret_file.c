/* SPDX-License-Identifier: MIT */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int secret_file_open(const char *path, char *error, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;
		snprintf(error, size, "%.200s: %s", path, strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(error, size, "%.200s: is not a regular file", path);
		return -EINVAL;
	}
	if (st.st_mode & (S_IWGRP | S_IRWXO)) {
		snprintf(
		    error, size,
		    "%.200s: its mode is %03o, so others may read or change it; make it 0600 or 0640 (chmod o=,g-w)",
		    path, (unsigned)st.st_mode & 0777);
		return -EPERM;
	}
	return take_fd(fd);
}
