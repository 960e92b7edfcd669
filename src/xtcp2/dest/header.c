/* SPDX-License-Identifier: MIT */
#include "dest/header.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Bytes compared at a time. */
#define PIECE_BYTES 512

bool file_has_header(int fd, const char *path, const struct envelope *e)
{
	char name[32], piece[PIECE_BYTES];
	struct stat st, again;

	if (e->header == 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return false;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	_cleanup_close_ int in = open(path ? path : name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (in < 0 || fstat(in, &again) < 0 || again.st_ino != st.st_ino || again.st_dev != st.st_dev)
		return true;
	for (uint32_t at = 0; at < e->header;) {
		uint32_t left = e->header - at;
		ssize_t n = pread(in, piece, left < PIECE_BYTES ? left : PIECE_BYTES, at);
		if (n <= 0 || memcmp(piece, e->body.data + at, n) != 0)
			return false;
		at += n;
	}
	return true;
}
