/* SPDX-License-Identifier: MIT */
/*
 * Secrets that files hold become part of the options that use them, in the running configuration alone: the
 * password of -destPasswordFile of the URL of -dest, the properties of -kafkaConfigFile and the password of
 * -kafkaPasswordFile of -kafkaConfig. From then on they are handled as any credential: hidden from logs and from
 * Get, passed on at a restart in place (which may no longer have the right to read the file), and dropped together
 * with what they belong to.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/credentials.h"
#include "base/properties.h"
#include "base/secret_file.h"
#include "base/utf8.h"
#include "config/internal.h"

/* Longest password. */
#define PASSWORD_MAX	256
/* Largest file of a secret. */
#define SECRET_FILE_MAX (64 << 10)
/* U+FEFF, which editors of other systems put in front. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* A file that an option names. */
struct secret {
	const char *flag, *path;
};

static int refuse(const struct secret *s, const char *why, char *error, size_t size)
{
	return config_error(error, size, "-%s %.80s: %s", s->flag, s->path, why);
}

/* Read at most SECRET_FILE_MAX bytes of the file; text ends with NUL. Errors are for a user. */
static int read_file(const struct secret *s, struct buf *text, char *error, size_t size)
{
	char where[PATH_MAX];
	/* Non-blocking: a pipe without a writer must not hang the start. */
	_cleanup_close_ int fd = open(secret_file_path(s->path, where), O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(s, strerror(errno), error, size);
	for (;;) {
		if (!buf_reserve(text, 4096))
			return refuse(s, "out of memory", error, size);
		ssize_t n = read(fd, text->data + text->len, 4096);
		if (n < 0)
			return refuse(s, strerror(errno), error, size);
		if (n == 0)
			break;
		text->len += (size_t)n;
		if (text->len > SECRET_FILE_MAX)
			return refuse(s, "is larger than 64 KiB", error, size);
	}
	if (text->len > 0 && memchr(text->data, 0, text->len))
		return refuse(s, "has a NUL byte", error, size);
	if (!buf_cstr(text))
		return refuse(s, "out of memory", error, size);
	if (!utf8_valid((const char *)text->data, text->len))
		return refuse(s, "must be UTF-8", error, size);
	return 0;
}

/* Forget the text and free it. */
static void forget(struct buf *text)
{
	if (text->data)
		explicit_bzero(text->data, text->len);
	buf_free(text);
}

/* Read the first line, without a byte order mark and the line's end. */
static int read_line(const struct secret *s, char line[static PASSWORD_MAX + 1], char *error, size_t size)
{
	_cleanup_(forget) struct buf text = {0};
	int r = read_file(s, &text, error, size);

	if (r < 0)
		return r;
	const char *begin = buf_cstr(&text);
	begin += strncmp(begin, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0 ? strlen(BYTE_ORDER_MARK) : 0;
	size_t len = strcspn(begin, "\r\n");
	if (len == 0 || len >= PASSWORD_MAX)
		return refuse(s, "its first line, the password, must have 1 to 255 bytes", error, size);
	memcpy(line, begin, len);
	line[len] = '\0';
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

static int dest_password(struct config *c, char *error, size_t size)
{
	const struct secret s = {"destPasswordFile", c->dest_password_file};
	char password[PASSWORD_MAX + 1];
	_cleanup_(forget) struct buf url = {0};

	/* These read the file themselves, as -tlsKey is read. */
	if (!*c->dest_password_file || strncmp(c->dest, "nats:", 5) == 0 ||
	    strncmp(c->dest, "valkey:", 7) == 0)
		return 0;
	const char *authority = strncmp(c->dest, "http", 4) == 0 ? strstr(c->dest, "://") : NULL;
	size_t user = authority ? strcspn(authority + 3, "@/?#") : 0;
	if (!authority || authority[3 + user] != '@' || user == 0)
		return refuse(&s, "-dest must be http://USER@HOST..., https://USER@HOST..., nats: or valkey:",
			      error, size);
	if (memchr(authority + 3, ':', user))
		return refuse(&s, "-dest has a password already", error, size);
	int r = read_line(&s, password, error, size);
	if (r < 0)
		return r;
	const char *at = authority + 3 + user;
	buf_append(&url, c->dest, (size_t)(at - c->dest));
	buf_byte(&url, ':');
	escape(&url, password);
	buf_str(&url, at);
	char *dest = buf_ok(&url) ? strdup(buf_cstr(&url)) : NULL;
	if (!dest)
		return refuse(&s, "out of memory", error, size);
	explicit_bzero(password, sizeof(password));
	free(c->dest);
	c->dest = dest;
	*c->dest_password_file = '\0';
	return 0;
}

/* The properties of the file, with those of -kafkaConfig over them. */
static int kafka_file(struct config *c, struct properties *p, char *error, size_t size)
{
	const struct secret s = {"kafkaConfigFile", c->kafka_config_file};
	_cleanup_(forget) struct buf text = {0};
	char why[REASON_MAX] = "out of memory";
	int r = read_file(&s, &text, error, size);

	if (r == 0 && properties_add_lines(p, buf_cstr(&text), why, sizeof(why)) < 0)
		r = refuse(&s, why, error, size);
	return r;
}

static int kafka_password(struct config *c, struct properties *p, char *error, size_t size)
{
	const struct secret s = {"kafkaPasswordFile", c->kafka_password_file};
	char password[PASSWORD_MAX + 1];

	if (properties_find(p, "sasl.password"))
		return refuse(&s, "sasl.password is given by -kafkaConfig or -kafkaConfigFile already", error,
			      size);
	int r = read_line(&s, password, error, size);
	if (r == 0 && properties_set(p, "sasl.password", password) < 0)
		r = refuse(&s, "out of memory", error, size);
	explicit_bzero(password, sizeof(password));
	return r;
}

static int kafka_secrets(struct config *c, struct properties *p, char *error, size_t size)
{
	char why[REASON_MAX] = "out of memory";
	_cleanup_(forget) struct buf text = {0};
	int r = 0;

	if (*c->kafka_config_file)
		r = kafka_file(c, p, error, size);
	if (r == 0 && properties_add_text(p, c->kafka_config, why, sizeof(why)) < 0)
		r = config_error(error, size, "-kafkaConfig: %s", why);
	if (r == 0 && *c->kafka_password_file)
		r = kafka_password(c, p, error, size);
	if (r < 0)
		return r;
	properties_text(p, &text);
	char *merged = buf_cstr(&text) ? strdup(buf_cstr(&text)) : NULL;
	if (!merged)
		return config_error(error, size, "-kafkaConfig: out of memory");
	free(c->kafka_config);
	c->kafka_config = merged;
	*c->kafka_config_file = *c->kafka_password_file = '\0';
	return 0;
}

int config_secrets(struct config *c, char *error, size_t size)
{
	struct properties p = {0};
	int r = dest_password(c, error, size);

	if (r == 0 && (*c->kafka_config_file || *c->kafka_password_file))
		r = kafka_secrets(c, &p, error, size);
	properties_free(&p);
	return r;
}

bool config_kafka_secret(const struct config *c)
{
	struct properties p = {0};
	char why[REASON_MAX];
	bool secret = properties_add_text(&p, c->kafka_config, why, sizeof(why)) < 0;

	for (size_t i = 0; i < p.count; i++)
		secret = secret || (*p.rows[i].value && credentials_secret_name(p.rows[i].name));
	properties_free(&p);
	return secret;
}
