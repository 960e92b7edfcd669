/* SPDX-License-Identifier: MIT */
/*
 * The password of -destPasswordFile becomes part of the URL of -dest, in the running configuration alone.
 * From then on it is handled as any credential: hidden from logs and from Get, passed on at a restart in
 * place (which may no longer have the right to read the file), and dropped together with that URL.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "config/internal.h"

/* Longest password. */
#define PASSWORD_MAX 256

static int refuse(const struct config *c, const char *why, char *error, size_t size)
{
	return config_error(error, size, "-destPasswordFile %.80s: %s", c->dest_password_file, why);
}

static int read_line(const struct config *c, char line[static PASSWORD_MAX + 1], char *error, size_t size)
{
	/* Non-blocking: a pipe without a writer must not hang the start. */
	_cleanup_close_ int fd = open(c->dest_password_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, line, PASSWORD_MAX);

	if (n < 0)
		return refuse(c, strerror(errno), error, size);
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (!*line || strlen(line) == PASSWORD_MAX)
		return refuse(c, "its first line, the password, must have 1 to 255 bytes", error, size);
	return 0;
}

/* Percent-encode for the place between ':' and '@' (RFC 3986). */
static void escape(struct buf *b, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_byte(b, (uint8_t)*text);
		else
			buf_printf(b, "%%%02X", (unsigned char)*text);
}

int config_dest_password(struct config *c, char *error, size_t size)
{
	char password[PASSWORD_MAX + 1];
	_cleanup_buf_ struct buf url = {0};

	if (!*c->dest_password_file)
		return 0;
	const char *authority = strncmp(c->dest, "http", 4) == 0 ? strstr(c->dest, "://") : NULL;
	size_t user = authority ? strcspn(authority + 3, "@/?#") : 0;
	if (!authority || authority[3 + user] != '@' || user == 0)
		return refuse(c, "-dest must be http://USER@HOST... or https://USER@HOST...", error, size);
	if (memchr(authority + 3, ':', user))
		return refuse(c, "-dest has a password already", error, size);
	int r = read_line(c, password, error, size);
	if (r < 0)
		return r;
	const char *at = authority + 3 + user;
	buf_append(&url, c->dest, (size_t)(at - c->dest));
	buf_byte(&url, ':');
	escape(&url, password);
	buf_str(&url, at);
	char *dest = buf_ok(&url) ? strdup(buf_cstr(&url)) : NULL;
	if (!dest)
		return refuse(c, "out of memory", error, size);
	free(c->dest);
	c->dest = dest;
	*c->dest_password_file = '\0';
	return 0;
}
