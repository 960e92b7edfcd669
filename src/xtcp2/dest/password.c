/* SPDX-License-Identifier: MIT */
#include "dest/password.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret_file.h"

int password_read(struct dest_io *io, const char *flag, const char *file, char *out, size_t size)
{
	char why[DEST_WHY_MAX / 2];

	out[0] = '\0';
	if (!file || !*file)
		return 0;
	_cleanup_close_ int fd = secret_file_open(file, why, sizeof(why));
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
	if (n < 0) {
		dest_why(io, 0, "cannot use -%s %s", flag, fd < 0 ? why : file);
		return -EINVAL;
	}
	out[n] = '\0';
	size_t len = strcspn(out, "\r\n");
	if (len == 0 || len == size - 1) {
		dest_why(io, 0, "cannot use -%s %.80s: its first line must have 1 to %zu bytes", flag, file,
			 size - 2);
		return -EINVAL;
	}
	explicit_bzero(out + len, size - len);
	return 0;
}
