/* SPDX-License-Identifier: MIT */
#include "base/descriptors.h"

#include <dirent.h>
#include <sys/stat.h>

/* Count the entries, less the descriptor that reads them. */
static size_t count_entries(const char *path)
{
	size_t count = 0;
	DIR *directory = opendir(path);

	if (!directory)
		return 0;
	for (const struct dirent *e; (e = readdir(directory));)
		count += e->d_name[0] != '.';
	closedir(directory);
	return count ? count - 1 : 0;
}

size_t descriptors_open(void)
{
	static const char path[] = "/proc/self/fd";
	struct stat st;

	/* Since Linux 6.2 the size of the directory is their number (fs/proc/fd.c: proc_fd_getattr()); before it is 0. */
	return stat(path, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : count_entries(path);
}
