/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * file:PATH appends. An envelope is in the file whole or not at all: where a
 * write fails half-way (full disk, quota), the file is cut back to where the
 * envelope began, the envelope waits in the queue and is tried again after the
 * back-off. A file that was renamed or removed (logrotate) is noticed before
 * the next envelope, and a new one is made at PATH. What is not a regular file
 * (a FIFO, a terminal) is written but cannot be cut back; a FIFO without
 * reader counts as unreachable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dest/ops.h"

struct file_dest {
	struct dest_io io;
	const char *path; /* borrowed */
	int fd;
	bool regular;
};

static int file_parse(struct dest_io *io, const char *address)
{
	struct file_dest *f = (struct file_dest *)io;

	f->fd = -1;
	f->path = address;
	if (!address[0]) {
		dest_why(io, 0, "has no path");
		return -EINVAL;
	}
	return 0;
}

static void file_disconnect(struct dest_io *io)
{
	struct file_dest *f = (struct file_dest *)io;

	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static int file_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct file_dest *f = (struct file_dest *)io;
	struct stat st;

	/* O_NONBLOCK: a FIFO without reader is ENXIO instead of a wait. */
	f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		int err = errno;
		dest_why(io, err, "open");
		return -err;
	}
	f->regular = S_ISREG(st.st_mode);
	return 0;
}

/* Whether PATH still is the file that is open. */
static bool file_in_place(const struct file_dest *f)
{
	struct stat open_st, path_st;

	return fstat(f->fd, &open_st) == 0 && stat(f->path, &path_st) == 0 &&
	       open_st.st_ino == path_st.st_ino && open_st.st_dev == path_st.st_dev;
}

/* Writes all of it; 0 or -errno. */
static int file_write(struct file_dest *f, const struct buf *body, int64_t deadline_ns)
{
	size_t done = 0;

	while (done < body->len) {
		ssize_t n = write(f->fd, body->data + done, body->len - done);
		if (n > 0) {
			done += n;
			continue;
		}
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		int r = dest_wait(&f->io, f->fd, POLLOUT, deadline_ns);
		if (r < 0)
			return r;
	}
	return 0;
}

static enum dest_result file_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct file_dest *f = (struct file_dest *)io;

	if (f->regular && !file_in_place(f)) {
		file_disconnect(io);
		if (file_connect(io, deadline_ns) < 0)
			return DEST_RETRY;
	}
	off_t start = f->regular ? lseek(f->fd, 0, SEEK_END) : 0;
	int r = file_write(f, &e->body, deadline_ns);
	if (r == 0)
		return DEST_SENT;
	dest_why(io, -r, "write");
	if (f->regular && start >= 0 && ftruncate(f->fd, start) < 0)
		dest_why(io, errno, "write failed (%s), and cutting the file back to %lld bytes",
			 strerror(-r), (long long)start);
	return DEST_RETRY;
}

const struct dest_ops dest_file_ops = {
    .state_size = sizeof(struct file_dest),
    .parse = file_parse,
    .connect = file_connect,
    .send = file_send,
    .disconnect = file_disconnect,
};
