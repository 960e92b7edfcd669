/* SPDX-License-Identifier: MIT */
#include "grpc/token.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/secret_file.h"

/* Longest line, with its newline. */
#define LINE_MAX_LEN (TOKEN_LEN_MAX + 32)

struct token {
	enum access access;
	uint8_t digest[SHA256_DIGEST_LENGTH];
};

struct tokens {
	struct token list[TOKEN_COUNT_MAX];
	size_t count;
};

static void digest_of(const char *token, uint8_t digest[static SHA256_DIGEST_LENGTH])
{
	SHA256((const unsigned char *)token, strlen(token), digest);
}

/* Parse one line without its newline. Return NULL, or the fault in it. */
static const char *take_line(struct tokens *t, char *line)
{
	static const struct {
		const char *word;
		enum access access;
	} words[] = {{"admin", ACCESS_ADMIN}, {"read", ACCESS_READ}};
	char *rest = line + strspn(line, " \t"), *word, *token, *more;

	if (!*rest || *rest == '#')
		return NULL;
	word = strtok_r(rest, " \t", &rest);
	token = strtok_r(NULL, " \t", &rest);
	more = strtok_r(NULL, " \t", &rest);
	if (!token || more)
		return "must be \"admin TOKEN\" or \"read TOKEN\"";
	if (strlen(token) < TOKEN_LEN_MIN || strlen(token) > TOKEN_LEN_MAX)
		return "a token has 16 to 512 characters";
	if (t->count == TOKEN_COUNT_MAX)
		return "more than 64 tokens";
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i].word) == 0) {
			t->list[t->count].access = words[i].access;
			digest_of(token, t->list[t->count++].digest);
			return NULL;
		}
	}
	return "must begin with admin or read";
}

static int read_lines(struct tokens *t, FILE *f, const char *path, char *error, size_t size)
{
	char line[LINE_MAX_LEN];
	const char *wrong = NULL;

	for (int number = 1; !wrong && fgets(line, sizeof(line), f); number++) {
		size_t len = strcspn(line, "\r\n");
		wrong = line[len] || len + 1 < sizeof(line) ? NULL : "too long";
		line[len] = '\0';
		if (!wrong)
			wrong = take_line(t, line);
		if (wrong)
			snprintf(error, size, "%.200s: line %d: %s", path, number, wrong);
	}
	OPENSSL_cleanse(line, sizeof(line));
	if (!wrong && t->count == 0)
		snprintf(error, size, "%.200s: contains no token", path);
	return wrong || t->count == 0 ? -EINVAL : 0;
}

struct tokens *tokens_read(const char *path, char *error, size_t size)
{
	_cleanup_close_ int fd = secret_file_open(path, error, size);
	_cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	struct tokens *t = f ? calloc(1, sizeof(*t)) : NULL;

	if (f)
		take_fd(fd);
	if (!t) {
		if (fd >= 0 || f)
			snprintf(error, size, "no memory for tokens");
		return NULL;
	}
	if (read_lines(t, f, path, error, size) < 0) {
		tokens_free(t);
		return NULL;
	}
	return t;
}

void tokens_free(struct tokens *t)
{
	free(t);
}

enum access tokens_access(const struct tokens *t, const char *token)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	enum access access = ACCESS_NONE;

	digest_of(token, digest);
	for (size_t i = 0; i < t->count; i++) {
		if (CRYPTO_memcmp(digest, t->list[i].digest, sizeof(digest)) == 0)
			access = t->list[i].access;
	}
	OPENSSL_cleanse(digest, sizeof(digest));
	return access;
}
