/* SPDX-License-Identifier: MIT */
#include "dest/s3_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "dest/file_name.h"
#include "dest/s3_spool.h"

/* Attempts to send a part. */
#define ATTEMPTS 3
#define ID_MAX	 512

struct parts {
	struct s3_request *request;
	const struct s3_credentials *keys;
	const struct s3_parts_file *file;
	char note[FILE_PATH_MAX + 16]; /* the file with the id */
	char id[ID_MAX];	       /* "" for none */
};

static int set_note(struct parts *p)
{
	const char *slash = strrchr(p->file->path, '/'), *name = slash ? slash + 1 : p->file->path;
	int n = snprintf(p->note, sizeof(p->note), "%.*s.%.*s.upload", (int)(name - p->file->path),
			 p->file->path, (int)s3_file_name(name).object, name);

	return n < 0 || (size_t)n >= sizeof(p->note) ? -ENAMETOOLONG : 0;
}

/* Append "uploadId=..." to a query. */
static const char *with_id(struct buf *query, const char *id)
{
	buf_str(query, "uploadId=");
	s3_encode_value(query, id);
	return buf_cstr(query);
}

static int write_note(struct parts *p, char why[static S3_WHY_MAX])
{
	_cleanup_close_ int fd = open(p->note, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t len = (ssize_t)strlen(p->id);

	if (fd >= 0 && write(fd, p->id, (size_t)len) == len)
		return 0;
	snprintf(why, S3_WHY_MAX, "%.200s cannot be written", p->note);
	return -EIO;
}

static void read_note(struct parts *p)
{
	_cleanup_close_ int fd = open(p->note, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, p->id, sizeof(p->id) - 1);

	p->id[n > 0 ? n : 0] = '\0';
}

/* Drop the parts of an upload that was begun. 0, also when the store no longer knows it, or -errno with why. */
static int drop(struct parts *p, char why[static S3_WHY_MAX])
{
	_cleanup_buf_ struct buf query = {0};

	if (!p->id[0])
		return 0;
	const char *text = with_id(&query, p->id);
	int r = text ? s3_request_delete(p->request, p->keys, p->file->key, text, why) : -ENOMEM;
	if (r < 0 && r != -ENOENT)
		return r;
	unlinkat(AT_FDCWD, p->note, 0);
	p->id[0] = '\0';
	return 0;
}

static int begin(struct parts *p, char why[static S3_WHY_MAX])
{
	const char *xml;
	int r = s3_request_post(p->request, p->keys, p->file->key, "uploads=", "", p->file->content_type,
				&xml, why);

	if (r < 0)
		return r;
	if (!s3_element(xml, "UploadId", p->id, sizeof(p->id))) {
		p->id[0] = '\0';
		snprintf(why, S3_WHY_MAX, "the store begins an upload without an UploadId");
		return -EIO;
	}
	return write_note(p, why);
}

/* Whether another attempt, at once, may succeed. */
static bool passing(int result)
{
	return result == -EIO;
}

/* Send the parts; list them as the store wants it. */
static int send_parts(struct parts *p, struct buf *list, char why[static S3_WHY_MAX])
{
	const struct s3_parts_file *f = p->file;
	unsigned number = 0;

	buf_str(list, "<CompleteMultipartUpload>");
	for (off_t at = 0; at < f->size; at += S3_PART_BYTES) {
		_cleanup_buf_ struct buf query = {0};
		off_t size = f->size - at < S3_PART_BYTES ? f->size - at : S3_PART_BYTES;
		char tag[S3_TAG_MAX];
		int r = -EIO;
		buf_printf(&query, "partNumber=%u&", ++number);
		const char *text = with_id(&query, p->id);
		if (!text)
			return -ENOMEM;
		for (int i = 0; i < ATTEMPTS && passing(r); i++)
			r = s3_request_put_part(p->request, p->keys, f->key, text, f->fd, at, size, tag, why);
		if (r < 0)
			return r;
		buf_printf(list, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", number, tag);
	}
	buf_str(list, "</CompleteMultipartUpload>");
	return 0;
}

static int join(struct parts *p, struct buf *list, char why[static S3_WHY_MAX])
{
	_cleanup_buf_ struct buf query = {0};
	const char *text = with_id(&query, p->id), *body = buf_cstr(list), *xml;

	if (!text || !body)
		return -ENOMEM;
	int r = s3_request_post(p->request, p->keys, p->file->key, text, body, "application/xml", &xml, why);
	if (r < 0)
		return r;
	unlinkat(AT_FDCWD, p->note, 0);
	return 0;
}

int s3_parts_put(struct s3_request *r, const struct s3_credentials *c, const struct s3_parts_file *file,
		 char why[static S3_WHY_MAX])
{
	struct parts p = {.request = r, .keys = c, .file = file};
	_cleanup_buf_ struct buf list = {0};
	char ignored[S3_WHY_MAX];
	bool forbidden = false;

	snprintf(why, S3_WHY_MAX, "there is no memory, or the path is too long");
	int result = set_note(&p);
	if (result == 0) {
		read_note(&p);
		result = drop(&p, why);
		/* Wrong keys begin no upload either; others do, and the object is more than its leftovers. */
		forbidden = result == -EACCES;
	}
	if (result == 0 || forbidden)
		result = begin(&p, why);
	if (result < 0)
		return result;
	if (forbidden)
		log_warn(
		    "s3",
		    "parts of %s stay in the store: the keys need s3:AbortMultipartUpload to remove what an "
		    "earlier attempt has left",
		    file->key);
	result = send_parts(&p, &list, why);
	if (result == 0)
		result = join(&p, &list, why);
	if (result < 0)
		drop(&p, ignored);
	return result;
}
