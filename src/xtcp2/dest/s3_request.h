/* SPDX-License-Identifier: MIT */
#ifndef DEST_S3_REQUEST_H
#define DEST_S3_REQUEST_H
/*
 * Requests to an S3 store, signed by libcurl (AWS Signature Version 4): PUT of an object,
 * HEAD of the bucket, and those of which s3_parts.h makes an object of parts. An object
 * is there whole or not at all: a PUT that is cut leaves nothing.
 *
 * libcurl before 8.3 signs a query string as it is, later ones what the store makes of
 * it. So queries are what the store makes of them: sorted, values encoded with
 * s3_encode_value(), and with "=" behind each name.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "dest/ops.h"

#define S3_WHY_MAX 256
#define S3_TAG_MAX 128 /* of a part */

/* Texts are borrowed; "" for the default. */
struct s3_place {
	const char *bucket, *endpoint, *region, *encryption;
	bool path_style; /* the bucket is in the path rather than in the host's name */
};

struct s3_request;
struct s3_credentials;

/* io for -tlsCa and its like. NULL with a clause in io->why. *stop (atomic) ends a request. */
struct s3_request *s3_request_new(struct dest_io *io, const struct s3_place *place, const bool *stop);
void s3_request_free(struct s3_request *r);

/* Append the text as a part of a path: all but letters, digits and -._~/ becomes %XX. Pure. */
void s3_encode(struct buf *b, const char *text);

/* The same for a value in a query: '/' becomes %2F. Pure. */
void s3_encode_value(struct buf *b, const char *text);

/* Copy the text of the first such element; false when it is missing, empty, too long, or not plain printable ASCII. Pure. */
bool s3_element(const char *xml, const char *name, char *text, size_t size);

/* Copy what <Code> and <Message> of an error's XML say, as UTF-8 without control characters. Pure. */
void s3_explain(const char *xml, char *why, size_t size);

/*
 * Ask whether the bucket is there. Return 0, -ENOENT when it is not, -EACCES when the store does not let these keys ask
 * (they may still be able to write), another -errno when the store is not reached; why is set then.
 */
int s3_request_probe(struct s3_request *r, const struct s3_credentials *c, char why[static S3_WHY_MAX]);

/*
 * Make the open file the object `key`; blocks. 0, or -errno with why: -EACCES and -EBADMSG when the store
 * refuses it, or the file cannot be read.
 */
int s3_request_put(struct s3_request *r, const struct s3_credentials *c, const char *key, int fd,
		   const char *content_type, char why[static S3_WHY_MAX]);

/* PUT these bytes of the file as a part; tag is what the store calls it. 0, or -errno with why. */
int s3_request_put_part(struct s3_request *r, const struct s3_credentials *c, const char *key,
			const char *query, int fd, off_t begin, off_t size, char tag[static S3_TAG_MAX],
			char why[static S3_WHY_MAX]);

/*
 * POST the text. The content type is the body's, or with "" the object's. 0 with the answer in *xml, until the next
 * request, or -errno with why.
 */
int s3_request_post(struct s3_request *r, const struct s3_credentials *c, const char *key, const char *query,
		    const char *body, const char *content_type, const char **xml,
		    char why[static S3_WHY_MAX]);

/* DELETE. 0, -ENOENT, or another -errno, with why. */
int s3_request_delete(struct s3_request *r, const struct s3_credentials *c, const char *key,
		      const char *query, char why[static S3_WHY_MAX]);

#endif
