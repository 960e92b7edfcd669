/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * stdout and stderr. The open file is shared with the parent process, so its
 * flags must not change, and yet a stalled reader must not hold the thread
 * beyond the deadline of dest_stop(). A pipe is therefore opened once more
 * through /proc/self/fd, which gives a separate open file that can be
 * non-blocking. Where that is not possible (a terminal, a socket) the
 * descriptor is polled and written in pieces of PIPE_BUF bytes, which a
 * writable one accepts without blocking. A regular file is written as it is.
 *
 * A partly written envelope is finished before anything else: the reader sees
 * whole lines despite time-outs. EPIPE (the reader is gone) ends the
 * destination, while idle too, so that "xtcp2 | head" ends with head.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dest/header.h"
#include "dest/ops.h"

struct stdio_dest {
	struct dest_io io;
	int fd;	      /* to write to */
	bool own;     /* fd is the second open file of a pipe: close it */
	size_t piece; /* most bytes of one write(2) */
	bool begun;   /* the header of csv and tsv is there */
	size_t done;  /* bytes of the envelope in hand that are written, or to be left out */
};

static int stdio_parse(struct dest_io *io, const char *address, int fd)
{
	struct stdio_dest *s = (struct stdio_dest *)io;

	s->fd = fd;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
		dest_why(io, 0, "standard %s is closed", fd == STDOUT_FILENO ? "output" : "error");
		return -EBADF;
	}
	if (address[0]) {
		dest_why(io, 0, "takes no address");
		return -EINVAL;
	}
	return 0;
}

static int stdout_parse(struct dest_io *io, const char *address)
{
	return stdio_parse(io, address, STDOUT_FILENO);
}

static int stderr_parse(struct dest_io *io, const char *address)
{
	return stdio_parse(io, address, STDERR_FILENO);
}

/* Open a pipe a second time. */
static void stdio_open_pipe(struct stdio_dest *s)
{
	struct stat st;
	char path[32];

	if (s->own || fstat(s->fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	s->fd = fd;
	s->own = true;
	s->piece = SSIZE_MAX;
}

/* Reopen the pipe while the process may; its owner and group stay. */
static void stdio_prepare(struct dest_io *io, uid_t owner, gid_t group, int given)
{
	if (given >= 0)
		close(given);
	stdio_open_pipe((struct stdio_dest *)io);
}

static int stdio_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct stdio_dest *s = (struct stdio_dest *)io;
	struct stat st;

	if (s->own)
		return 0;
	if (fstat(s->fd, &st) < 0) {
		int err = errno;
		dest_why(io, err, "fstat");
		return -err;
	}
	s->piece = S_ISREG(st.st_mode) ? SSIZE_MAX : PIPE_BUF;
	stdio_open_pipe(s);
	return 0;
}

static enum dest_result stdio_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct stdio_dest *s = (struct stdio_dest *)io;

	if (s->done == 0 && (s->begun || file_has_header(s->fd, NULL, e)))
		s->done = e->skip = e->header;
	while (s->done < e->body.len) {
		int r = dest_wait(io, s->fd, POLLOUT, deadline_ns);
		if (r == -ETIMEDOUT)
			return DEST_BUSY;
		size_t left = e->body.len - s->done;
		ssize_t n = write(s->fd, e->body.data + s->done, left < s->piece ? left : s->piece);
		if (n >= 0) {
			s->done += n;
		} else if (errno == EPIPE) {
			dest_why(io, 0, "the reader is gone");
			return DEST_ENDED;
		} else if (errno != EINTR && errno != EAGAIN) {
			/* A full disk behind a redirection: part is written, so the envelope stays in
			 * hand. */
			dest_why(io, errno, "write");
			dest_down(io);
			return DEST_BUSY;
		}
	}
	s->done = 0;
	s->begun = true;
	return DEST_SENT;
}

static void stdio_explain(struct dest_io *io)
{
	dest_why(io, 0, "the reader does not read");
}

static int stdio_idle_fd(struct dest_io *io, short *events)
{
	*events = 0; /* poll(2) always reports POLLERR, which a pipe without a reader shows */
	return ((struct stdio_dest *)io)->own ? ((struct stdio_dest *)io)->fd : -1;
}

static enum dest_result stdio_idle(struct dest_io *io, short revents)
{
	if (!(revents & POLLERR))
		return DEST_SENT;
	dest_why(io, 0, "the reader is gone");
	return DEST_ENDED;
}

static void stdio_free(struct dest_io *io)
{
	struct stdio_dest *s = (struct stdio_dest *)io;

	if (s->own)
		close(s->fd);
}

/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define STDIO_OPS(parse_)                                                                             \
	{                                                                                             \
		.state_size = sizeof(struct stdio_dest), .parse = (parse_), .prepare = stdio_prepare, \
		.connect = stdio_connect, .send = stdio_send, .explain = stdio_explain,               \
		.idle_fd = stdio_idle_fd, .idle = stdio_idle, .free = stdio_free                      \
	}
/* clang-format on */
const struct dest_ops dest_stdout_ops = STDIO_OPS(stdout_parse), dest_stderr_ops = STDIO_OPS(stderr_parse);
