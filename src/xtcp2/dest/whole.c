/* SPDX-License-Identifier: MIT */
#include "dest/whole.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"

#define PART	   ".part"
#define END	   ".end"
/* The most files of one name. */
#define NUMBER_MAX 9999
/* Bounds what whole_recover() reads. */
#define TAIL_MAX   (64u << 20)

/* The content of .NAME.part.end, little-endian; the tail follows. */
struct end_head {
	char magic[8];
	uint64_t length, tail_length;
	uint32_t crc; /* CRC-32 of both lengths and the tail */
	uint32_t zero;
};
static_assert(sizeof(struct end_head) == 32, "no padding");
#define MAGIC "xtcp2end"

struct part_name {
	char text[WHOLE_NAME_SIZE];
};

static struct part_name name_of(const char *name, const char *suffix)
{
	struct part_name p;

	snprintf(p.text, sizeof(p.text), ".%s%s", name, suffix);
	return p;
}

static int write_all(int fd, const void *data, size_t len, off_t at)
{
	const uint8_t *p = data;

	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, p + done, len - done, at + (off_t)done);
		if (n > 0)
			done += n;
		else if (n == 0 || errno != EINTR)
			return n == 0 ? -EIO : -errno;
	}
	return 0;
}

/* Close what is open; the files stay. */
static void drop(struct whole *w)
{
	int *fds[] = {&w->fd, &w->end_fd, &w->dir};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	buf_free(&w->tail);
	w->at = w->marked = 0;
}

static void remove_end(const struct whole *w)
{
	unlinkat(w->dir, name_of(w->name, PART END).text, 0);
}

/* Tell whether .NAME.part is still the open file: before the lock, its writer may have finished or removed it. */
static bool is_part(const struct whole *w)
{
	struct stat named, open_file;

	return fstatat(w->dir, name_of(w->name, PART).text, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(w->fd, &open_file) == 0 && named.st_ino == open_file.st_ino &&
	       named.st_dev == open_file.st_dev;
}

/* Open .NAME.part and lock it: only then it is this process's. */
static int open_part(struct whole *w, int flags)
{
	w->fd = openat(w->dir, name_of(w->name, PART).text,
		       flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (w->fd < 0)
		return -errno;
	if (flock(w->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return is_part(w) ? 0 : -EBUSY;
}

static int open_directory(struct whole *w, const char *directory, const char *name)
{
	*w = (struct whole){.dir = -1, .fd = -1, .end_fd = -1, .sync = w->sync};
	if (!name[0] || strlen(name) > WHOLE_NAME_MAX || strchr(name, '/'))
		return -ENAMETOOLONG;
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w->dir < 0 ? -errno : 0;
}

int whole_begin(struct whole *w, const char *directory, const char *name)
{
	int r = open_directory(w, directory, name);

	if (r == 0) {
		r = open_part(w, O_CREAT | O_EXCL);
		/* The end of an earlier file of this name would be taken for the end of this one. */
		if (r == 0)
			remove_end(w);
	}
	if (r < 0)
		drop(w);
	return r;
}

int whole_write(struct whole *w, const void *data, size_t len)
{
	int r = write_all(w->fd, data, len, (off_t)w->at);

	if (r == 0)
		w->at += len;
	return r;
}

static struct end_head head_of(uint64_t length, const void *tail, size_t len)
{
	struct end_head h = {.length = htole64(length), .tail_length = htole64(len)};

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	uLong crc = crc32(0, (const Bytef *)&h.length, 2 * sizeof(h.length));

	h.crc = htole32((uint32_t)crc32(crc, len ? tail : (const void *)"", (uInt)len));
	return h;
}

/* Replace .NAME.part.end by one with the mark; an empty tail after an empty one is written in place. */
static int write_end(struct whole *w, const void *tail, size_t len)
{
	struct end_head head = head_of(w->at, tail, len);
	struct part_name end = name_of(w->name, PART END), fresh = name_of(w->name, PART END "~");

	if (w->end_fd >= 0 && len == 0 && w->tail.len == 0)
		return write_all(w->end_fd, &head, sizeof(head), 0);
	_cleanup_close_ int fd = openat(
	    w->dir, fresh.text, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, &head, sizeof(head), 0);
	if (r == 0)
		r = write_all(fd, tail, len, sizeof(head));
	if (r == 0 && w->sync == WHOLE_SYNC_MARK && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(w->dir, fresh.text, w->dir, end.text) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(w->dir, fresh.text, 0);
		return r;
	}
	if (w->end_fd >= 0)
		close(w->end_fd);
	w->end_fd = take_fd(fd);
	return 0;
}

int whole_mark(struct whole *w, const void *tail, size_t len)
{
	if (w->sync == WHOLE_SYNC_MARK && fdatasync(w->fd) < 0)
		return -errno;
	int r = write_end(w, tail, len);
	if (r == 0 && w->sync == WHOLE_SYNC_MARK && fdatasync(w->end_fd) < 0)
		r = -errno;
	if (r < 0)
		return r;
	w->marked = w->at;
	buf_reset(&w->tail);
	buf_append(&w->tail, tail, len);
	return buf_ok(&w->tail) ? 0 : -ENOMEM;
}

int whole_back(struct whole *w)
{
	if (ftruncate(w->fd, (off_t)w->marked) < 0)
		return -errno;
	w->at = w->marked;
	return 0;
}

void whole_numbered(const char *name, unsigned n, char numbered[WHOLE_NAME_SIZE])
{
	size_t stem = 1 + strcspn(name + 1, ".");

	if (n == 0)
		snprintf(numbered, WHOLE_NAME_SIZE, "%s", name);
	else
		snprintf(numbered, WHOLE_NAME_SIZE, "%.*s-%u%s", (int)stem, name, n, name + stem);
}

/* Give .NAME.part its name, or the first numbered one that is free. */
static int give_name(struct whole *w, char numbered[WHOLE_NAME_SIZE])
{
	struct part_name part = name_of(w->name, PART);

	for (unsigned n = 0; n <= NUMBER_MAX; n++) {
		whole_numbered(w->name, n, numbered);
		if (renameat2(w->dir, part.text, w->dir, numbered, RENAME_NOREPLACE) == 0)
			return 0;
		/* A file system without RENAME_NOREPLACE (NFS): link() does not overwrite either. */
		if (errno == EINVAL && linkat(w->dir, part.text, w->dir, numbered, 0) == 0)
			return unlinkat(w->dir, part.text, 0) < 0 ? -errno : 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int whole_finish(struct whole *w, char name[WHOLE_NAME_SIZE])
{
	char numbered[WHOLE_NAME_SIZE];
	int r = whole_back(w);

	if (r == 0)
		r = write_all(w->fd, w->tail.data, w->tail.len, (off_t)w->at);
	if (r == 0 && w->sync != WHOLE_SYNC_NONE && fsync(w->fd) < 0)
		r = -errno;
	if (r == 0)
		r = give_name(w, numbered);
	if (r < 0)
		return r;
	remove_end(w);
	/* The name. An error changes nothing: the file is whole, and only a power failure could take its name away. */
	if (w->sync != WHOLE_SYNC_NONE)
		fsync(w->dir);
	if (name)
		snprintf(name, WHOLE_NAME_SIZE, "%s", numbered);
	drop(w);
	return 0;
}

void whole_abandon(struct whole *w)
{
	if (w->fd >= 0) {
		unlinkat(w->dir, name_of(w->name, PART).text, 0);
		remove_end(w);
	}
	drop(w);
}

void whole_leave(struct whole *w)
{
	drop(w);
}

bool whole_is_part(const char *file, char name[WHOLE_NAME_MAX + 1])
{
	size_t len = strlen(file), suffix = strlen(PART);

	if (file[0] != '.' || len < 2 + suffix || len - 1 - suffix > WHOLE_NAME_MAX ||
	    strcmp(file + len - suffix, PART) != 0)
		return false;
	snprintf(name, WHOLE_NAME_MAX + 1, "%.*s", (int)(len - 1 - suffix), file + 1);
	return true;
}

/* Read the mark of a file that was left. -ENOENT without one. */
static int read_end(struct whole *w)
{
	struct end_head h;
	struct stat st;
	_cleanup_close_ int fd = openat(w->dir, name_of(w->name, PART END).text,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0)
		return -EBADMSG;
	uint64_t len = le64toh(h.tail_length);
	if (len > TAIL_MAX || (uint64_t)st.st_size < sizeof(h) + len)
		return -EBADMSG;
	if (!buf_reserve(&w->tail, len + 1))
		return -ENOMEM;
	if (pread(fd, w->tail.data, len, sizeof(h)) != (ssize_t)len)
		return -EBADMSG;
	w->tail.len = len;
	w->marked = le64toh(h.length);
	struct end_head again = head_of(w->marked, w->tail.data, len);
	return again.crc == h.crc ? 0 : -EBADMSG;
}

int whole_recover(const char *directory, const char *name, enum whole_sync sync,
		  char finished[WHOLE_NAME_SIZE])
{
	struct whole w = WHOLE_NONE;
	struct stat st;

	w.sync = sync;
	finished[0] = '\0';
	int r = open_directory(&w, directory, name);
	if (r == 0)
		r = open_part(&w, 0);
	if (r == 0 && fstat(w.fd, &st) < 0)
		r = -errno;
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -EBADMSG;
	if (r == 0) {
		unlinkat(w.dir, name_of(name, PART END "~").text, 0);
		r = read_end(&w);
		if (r == -ENOENT) {
			whole_abandon(&w);
			return 0;
		}
	}
	/* A file that holds more than its mark may end in the tail already: it is cut before it. */
	if (r == 0 && (uint64_t)st.st_size < w.marked)
		r = -EBADMSG;
	if (r == 0)
		r = whole_finish(&w, finished);
	drop(&w);
	return r;
}
