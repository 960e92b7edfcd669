/* SPDX-License-Identifier: MIT */
#include "netns/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "net:["

ino_t link_inode(int dir_fd, const char *path)
{
	char text[64];
	/* The text costs a third less than a look at what it leads to. */
	ssize_t n = readlinkat(dir_fd, path, text, sizeof(text) - 1);

	if (n < 0)
		return 0;
	text[n] = '\0';
	errno = EINVAL;
	return strncmp(text, PREFIX, strlen(PREFIX)) == 0 ? strtoull(text + strlen(PREFIX), NULL, 10) : 0;
}
