/* SPDX-License-Identifier: MIT */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

const char *secret_file_path(const char *name, char path[static PATH_MAX])
{
	const char *const directories[] = {getenv("CREDENTIALS_DIRECTORY"), "/run/secrets"};

	for (size_t i = 0; !strchr(name, '/') && *name && i < ARRAY_SIZE(directories); i++) {
		if (!directories[i] || snprintf(path, PATH_MAX, "%s/%s", directories[i], name) >= PATH_MAX)
			continue;
		if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0)
			return path;
	}
	snprintf(path, PATH_MAX, "%s", name);
	return path;
}

int secret_file_open(const char *path, char *error, size_t size)
{
	char where[PATH_MAX];
	_cleanup_close_ int fd = open(secret_file_path(path, where), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
