/* SPDX-License-Identifier: MIT */
#include "base/own_directory.h"

#include <errno.h>
#include <unistd.h>

int own_directory_make(const char *path, mode_t mode, uid_t owner, gid_t group)
{
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* Whoever may write in its parent may have moved it away: lchown() gives them a link, and never its target. */
	if ((owner != geteuid() || group != getegid()) && lchown(path, owner, group) < 0)
		return -errno;
	return 1;
}
