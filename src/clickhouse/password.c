/* SPDX-License-Identifier: MIT */
#include "clickhouse/password.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* 25 letters of 32 each. */
#define MADE_LETTERS 25
static const char letters[] = "abcdefghijkmnopqrstuvwxyz2345678";
_Static_assert(sizeof(letters) == 32 + 1, "five bits a letter");

static int fail(const char *path, const char *what, int r, struct buf *error)
{
	buf_printf(error, "%s: the password %s: %s", path, what, strerror(-r));
	return r;
}

int password_read(const char *path, char password[static PASSWORD_MAX], struct buf *error)
{
	/* O_NONBLOCK: a FIFO without a writer is an error and does not block the start. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail(path, "cannot be read", -errno, error);
	ssize_t n = read(fd, password, PASSWORD_MAX - 1);
	if (n < 0)
		return fail(path, "cannot be read", -errno, error);
	password[n] = '\0';
	size_t len = strcspn(password, "\r\n");
	if (!len || len == PASSWORD_MAX - 1) {
		buf_printf(error, "%s: the first line, the password, must have 1 to %d bytes", path,
			   PASSWORD_MAX - 2);
		return -EINVAL;
	}
	password[len] = '\0';
	return 0;
}

static int write_new(const char *path, const char *password)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char line[MADE_LETTERS + 2];
	int n = snprintf(line, sizeof(line), "%s\n", password);

	if (fd < 0 || fchmod(fd, 0600) || write(fd, line, (size_t)n) != n || fsync(fd))
		return errno ? -errno : -EIO;
	return 0;
}

static int make(const char *path, char password[static PASSWORD_MAX])
{
	unsigned char random[MADE_LETTERS];
	char temporary[PATH_MAX];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (size_t i = 0; i < MADE_LETTERS; i++)
		password[i] = letters[random[i] % 32];
	password[MADE_LETTERS] = '\0';
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	errno = 0;
	int r = write_new(temporary, password);
	if (!r && rename(temporary, path))
		r = -errno;
	if (r)
		unlink(temporary);
	return r;
}

int password_read_or_make(const char *path, char password[static PASSWORD_MAX], struct buf *error)
{
	if (access(path, F_OK) == 0)
		return password_read(path, password, error);
	int r = make(path, password);
	return r ? fail(path, "cannot be written", r, error) : 0;
}

bool password_same(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned char diff = na != nb;

	for (size_t i = 0; i < na; i++)
		diff |= (unsigned char)(a[i] ^ b[nb ? i % nb : 0]);
	return !diff;
}
