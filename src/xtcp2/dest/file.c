/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * file:PATH appends. An envelope is in the file whole or not at all: when a
 * write fails half-way (full disk, quota), the file is truncated to where the
 * envelope began, and the envelope is queued again and retried after the
 * back-off. Before each envelope the file is compared with PATH: after a rename
 * or removal (logrotate) a new file is created at PATH.
 *
 * The first file is opened with the rights of the user who started the program,
 * later ones with those of the user it runs as. Where these do not suffice, a
 * renamed file is still written, with one log line; a removed one is not,
 * because nobody could read it.
 *
 * A file that is empty, or begins with something else than the header of csv and
 * tsv, gets the header; one that is appended to after a restart does not get it
 * again.
 *
 * A FIFO or a terminal is written but cannot be truncated; a FIFO without a
 * reader counts as unreachable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "dest/files.h"
#include "dest/header.h"
#include "dest/ops.h"

struct file_dest {
	struct dest_io io;
	const char *path; /* borrowed */
	int fd;
	bool regular;
	bool stays; /* PATH names another file now, but that could not be opened */
	bool begun; /* the header of csv and tsv is there */
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

static void file_free(struct dest_io *io)
{
	struct file_dest *f = (struct file_dest *)io;

	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* Keep a regular file open: the descriptor is sound, and opening again may be denied. */
static void file_disconnect(struct dest_io *io)
{
	if (!((struct file_dest *)io)->regular)
		file_free(io);
}

/* O_NONBLOCK: opening a FIFO without a reader fails with ENXIO instead of blocking. */
#define FILE_FLAGS (O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* Take over the open descriptor. */
static int file_take(struct file_dest *f, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;
		if (fd >= 0)
			close(fd);
		dest_why(&f->io, err, "open");
		return -err;
	}
	file_free(&f->io);
	f->fd = fd;
	f->begun = false;
	f->regular = S_ISREG(st.st_mode);
	return 0;
}

static void file_prepare(struct dest_io *io, uid_t owner, gid_t group, int given)
{
	struct file_dest *f = (struct file_dest *)io;
	int fd = open(f->path, FILE_FLAGS | O_CREAT | O_EXCL, 0644);

	/* Only a new file changes its owner. */
	if (fd >= 0 && (owner != geteuid() || group != getegid()) && fchown(fd, owner, group) < 0)
		dest_why(io, errno, "chown");
	if (fd < 0 && errno == EEXIST)
		fd = open(f->path, FILE_FLAGS);
	if (fd < 0 && (errno == EACCES || errno == EPERM) && given >= 0) {
		fd = given;
		given = -1;
	}
	file_take(f, fd);
	if (given >= 0)
		close(given);
}

static int file_kept(struct dest_io *io)
{
	const struct file_dest *f = (const struct file_dest *)io;

	return f->regular ? f->fd : -1;
}

/* Open the file that PATH names now, or keep the renamed one; return 0 or -errno. */
static int file_follow(struct file_dest *f)
{
	struct stat open_st, path_st;

	if (fstat(f->fd, &open_st) < 0)
		return -errno;
	if (stat(f->path, &path_st) == 0 && open_st.st_ino == path_st.st_ino &&
	    open_st.st_dev == path_st.st_dev) {
		f->stays = false;
		return 0;
	}
	int r = file_take(f, open(f->path, FILE_FLAGS | O_CREAT, 0644));
	if ((r != -EACCES && r != -EPERM && r != -EROFS) || open_st.st_nlink == 0)
		return r;
	if (!f->stays)
		log_warn("destination",
			 "%s: the daemon's user cannot open it again (%s): the open file is written further, "
			 "even when it is renamed",
			 dest_name(&f->io), strerror(-r));
	f->stays = true;
	return 0;
}

static int file_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct file_dest *f = (struct file_dest *)io;

	if (f->fd < 0)
		return file_take(f, open(f->path, FILE_FLAGS | O_CREAT, 0644));
	return f->regular ? file_follow(f) : 0;
}

/* Write all from `done` on; return 0 or -errno. */
static int file_write(struct file_dest *f, const struct buf *body, size_t done, int64_t deadline_ns)
{

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

/* After dest_reopen(): a renamed file is left now, not at the next envelope. */
static enum dest_result file_service(struct dest_io *io)
{
	struct file_dest *f = (struct file_dest *)io;

	if (!__atomic_exchange_n(&io->reopen, false, __ATOMIC_ACQ_REL) || !f->regular)
		return DEST_SENT;
	f->stays = false;
	return file_follow(f) < 0 ? DEST_RETRY : DEST_SENT;
}

static enum dest_result file_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct file_dest *f = (struct file_dest *)io;

	if (f->regular && file_follow(f) < 0)
		return DEST_RETRY;
	off_t start = f->regular ? lseek(f->fd, 0, SEEK_END) : 0;
	/* Size 0: new, or cut by "copytruncate". */
	bool begun = (f->begun && !(f->regular && start == 0)) || file_has_header(f->fd, f->path, e);
	e->skip = begun ? e->header : 0;
	int r = file_write(f, &e->body, e->skip, deadline_ns);
	if (r == 0) {
		f->begun = true;
		return DEST_SENT;
	}
	dest_why(io, -r, "write");
	if (f->regular && start >= 0 && ftruncate(f->fd, start) < 0)
		dest_why(io, errno, "write failed (%s), and cutting the file back to %lld bytes",
			 strerror(-r), (long long)start);
	return DEST_RETRY;
}

static const struct dest_ops *file_instead(const struct dest_config *config, const char *address)
{
	return files_wanted(config, address) ? &dest_files_ops : NULL;
}

const struct dest_ops dest_file_ops = {
    .state_size = sizeof(struct file_dest),
    .instead = file_instead,
    .parse = file_parse,
    .prepare = file_prepare,
    .kept = file_kept,
    .connect = file_connect,
    .send = file_send,
    .service = file_service,
    .disconnect = file_disconnect,
    .free = file_free,
};
