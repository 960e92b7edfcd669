/* SPDX-License-Identifier: MIT */
#include "netns/fdinfo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Room for the first lines of the file: pos, flags, mnt_id, ino. */
#define FDINFO_HEAD 256

ino_t fdinfo_inode(int dir_fd, const char *path, int *mount)
{
	char text[FDINFO_HEAD];
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	*mount = -1;
	if (n <= 0)
		return 0;
	text[n] = '\0';
	const char *mnt = strstr(text, "mnt_id:"), *ino = strstr(text, "\nino:");
	if (!mnt || !ino)
		return 0;
	*mount = atoi(mnt + strlen("mnt_id:"));
	return strtoull(ino + strlen("\nino:"), NULL, 10);
}
