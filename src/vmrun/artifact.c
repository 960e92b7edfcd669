/* SPDX-License-Identifier: MIT */
#include "vmrun/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "vmrun/crc32c.h"
#include "vmrun/result_line.h"

#define HEADER_MAX 256

struct artifacts {
	char *dir, *nonce;
	artifact_fn fn;
	void *data;
	char header[HEADER_MAX];
	size_t header_len;
	/* The artifact being received; left > 0 or size == 0 just after its header. */
	char name[RESULT_NAME_MAX];
	uint64_t size, left;
	uint32_t want, crc;
	const char *error;
	int fd;
	bool body;
};

struct artifacts *artifacts_new(const char *dir, const char *nonce, artifact_fn fn, void *data)
{
	struct artifacts *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct artifacts){.dir = strdup(dir), .nonce = strdup(nonce), .fn = fn, .data = data, .fd = -1};
	if (!a->dir || !a->nonce) {
		artifacts_free(a);
		return NULL;
	}
	return a;
}

static void path_of(const struct artifacts *a, const char *suffix, char path[static PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s%s", a->dir, a->name, suffix);
}

static void drop_file(struct artifacts *a)
{
	char path[PATH_MAX];

	if (a->fd < 0)
		return;
	close(a->fd);
	a->fd = -1;
	path_of(a, ".part", path);
	unlink(path);
}

void artifacts_free(struct artifacts *a)
{
	if (!a)
		return;
	drop_file(a);
	free(a->dir);
	free(a->nonce);
	free(a);
}

static void finish(struct artifacts *a)
{
	char part[PATH_MAX], path[PATH_MAX];

	if (!a->error && a->crc != a->want)
		a->error = "its check sum is wrong";
	if (!a->error) {
		path_of(a, ".part", part);
		path_of(a, "", path);
		close(a->fd);
		a->fd = -1;
		if (rename(part, path) < 0)
			a->error = strerror(errno);
	}
	drop_file(a);
	a->body = false;
	a->fn(&(struct artifact_result){.name = a->name, .size = a->size, .error = a->error}, a->data);
}

/* Parse the header line and open the file. An artifact that cannot be stored is still read to its end. */
static void begin(struct artifacts *a)
{
	char nonce[RESULT_NONCE_MAX], path[PATH_MAX];

	a->header[a->header_len] = '\0';
	a->header_len = 0;
	a->error = NULL;
	a->crc = 0;
	a->size = 0;
	strcpy(a->name, "?");
	int n = sscanf(a->header, "XA %63s %63s %" SCNu64 " %" SCNx32, nonce, a->name, &a->size, &a->want);
	if (n != 4 || !result_name_valid(a->name)) {
		strcpy(a->name, "?");
		a->size = 0;
		a->error = "its header is malformed";
	} else if (strcmp(nonce, a->nonce) != 0) {
		a->error = "it carries another run's nonce";
	} else if (a->size > ARTIFACT_MAX) {
		a->error = "it is too large";
	}
	if (!a->error) {
		path_of(a, ".part", path);
		if (mkdir(a->dir, 0777) < 0 && errno != EEXIST)
			a->error = strerror(errno);
		else if ((a->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
			a->error = strerror(errno);
	}
	a->left = a->size;
	a->body = true;
}

static void store(struct artifacts *a, const uint8_t *p, size_t n)
{
	a->crc = crc32c(a->crc, p, n);
	a->left -= n;
	while (!a->error && n) {
		ssize_t w = write(a->fd, p, n);
		if (w < 0) {
			a->error = strerror(errno);
			break;
		}
		p += w;
		n -= w;
	}
}

void artifacts_feed(struct artifacts *a, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n) {
		if (a->body) {
			size_t take = n < a->left ? n : a->left;
			store(a, p, take);
			p += take;
			n -= take;
		} else {
			uint8_t c = *p++;
			n--;
			if (c == '\n')
				begin(a);
			else if (a->header_len < HEADER_MAX - 1)
				a->header[a->header_len++] = (char)c;
		}
		if (a->body && !a->left)
			finish(a);
	}
}
