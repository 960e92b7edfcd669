/* SPDX-License-Identifier: MIT */
#include "run/origin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Strings, each with its NUL: the number of arguments, the arguments, the variables. */

int origin_keep(int argc, char *const *argv)
{
	_cleanup_close_ int fd = memfd_create("xtcp2-origin", MFD_CLOEXEC);
	_cleanup_buf_ struct buf b = {0};

	if (fd < 0)
		return -errno;
	buf_printf(&b, "%d", argc);
	buf_byte(&b, '\0');
	for (int i = 0; i < argc; i++)
		buf_append(&b, argv[i], strlen(argv[i]) + 1);
	for (char **e = environ; *e; e++) {
		if (strncmp(*e, "XTCP_", 5) == 0)
			buf_append(&b, *e, strlen(*e) + 1);
	}
	if (!buf_ok(&b))
		return -ENOMEM;
	ssize_t n = write(fd, b.data, b.len);
	if (n != (ssize_t)b.len)
		return n < 0 ? -errno : -EIO;
	return take_fd(fd);
}

/* Append the content of the memfd and a NUL. Return 0 or -errno. */
static int read_all(int fd, struct buf *b)
{
	for (;;) {
		if (!buf_reserve(b, 4096))
			return -ENOMEM;
		ssize_t n = pread(fd, b->data + b->len, 4096, (off_t)b->len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		b->len += (size_t)n;
	}
	buf_byte(b, '\0');
	return buf_ok(b) ? 0 : -ENOMEM;
}

/* Return the strings of b, with a NULL behind the arguments and one behind all. NULL without memory. */
static char **split(struct buf *b, int *argc)
{
	char *text = (char *)b->data, *end = text + b->len - 1;
	size_t count = 0, kept = 0;

	for (char *p = text; p < end; p += strlen(p) + 1)
		count++;
	char **strings = calloc(count + 2, sizeof(*strings));
	*argc = atoi(text);
	for (char *p = text + strlen(text) + 1; strings && p < end; p += strlen(p) + 1) {
		if (kept == (size_t)*argc)
			kept++;
		strings[kept++] = p;
	}
	return strings;
}

int origin_load(int fd, struct config *c, char *error, size_t size)
{
	_cleanup_buf_ struct buf b = {0};
	int argc = 0, r = fd < 0 ? -EBADF : read_all(fd, &b);
	_cleanup_free_ char **strings = r == 0 ? split(&b, &argc) : NULL;

	if (!strings) {
		snprintf(error, size, "cannot read the command line of the start: %s",
			 strerror(r < 0 ? -r : ENOMEM));
		return r < 0 ? r : -ENOMEM;
	}
	r = config_load_from(c, argc, strings, strings + argc + 1, error, size);
	return r < 0 ? r : config_secrets(c, error, size);
}
