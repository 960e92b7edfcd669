/* SPDX-License-Identifier: MIT */
#ifndef BASE_OWN_DIRECTORY_H
#define BASE_OWN_DIRECTORY_H
/* Directories that a process with more rights makes for the user that it becomes. */
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Make the last directory of path, with this mode less the umask, and give it to owner and
 * group. One that is there already is left as it is. A symbolic link that somebody puts in
 * its place meanwhile is not followed. Return 1 if it was made, 0 if it was there, or
 * -errno.
 */
int own_directory_make(const char *path, mode_t mode, uid_t owner, gid_t group);

#endif
