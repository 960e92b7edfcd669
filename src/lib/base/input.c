/* SPDX-License-Identifier: MIT */
#include "base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/*
 * Check that the FIFO has a writer or data. tee(2) tells a pipe without a writer (0) from one that is only
 * empty (EAGAIN), and consumes nothing. Return 0 or -errno.
 */
static int has_writer(int fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	ssize_t n = tee(fd, ends[1], 1, SPLICE_F_NONBLOCK);
	int error = n < 0 ? errno : 0;
	close(ends[0]);
	close(ends[1]);
	if (n == 0)
		return -EPIPE;
	return n > 0 || error == EAGAIN ? 0 : -error;
}

int input_open(const char *path)
{
	struct stat st;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISFIFO(st.st_mode)) {
		int r = has_writer(fd);
		if (r < 0)
			return r;
	}
	/* From here on reads may block, waiting for the writer. */
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return take_fd(fd);
}

FILE *input_fopen(const char *path)
{
	_cleanup_close_ int fd = input_open(path);

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	FILE *f = fdopen(fd, "r");
	if (f)
		take_fd(fd);
	return f;
}

int input_read(const char *path, struct buf *b)
{
	_cleanup_close_ int own = -1;
	int fd = STDIN_FILENO;
	ssize_t n;

	if (strcmp(path, "-") != 0)
		fd = own = input_open(path);
	if (fd < 0)
		return fd;
	do {
		n = buf_reserve(b, BUFSIZ) ? read(fd, b->data + b->len, BUFSIZ) : 0;
		b->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : buf_ok(b) ? 0 : -ENOMEM;
}

const char *input_strerror(int error)
{
	return error == EPIPE ? "a FIFO without a writer" : strerror(error);
}
