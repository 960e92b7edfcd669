/* SPDX-License-Identifier: MIT */
#ifndef DEST_S3_PARTS_H
#define DEST_S3_PARTS_H
/*
 * Theory of operation
 *
 * A file of more than S3_PART_BYTES is sent in parts, which the store joins ("multipart
 * upload"): a connection that is cut costs a part, not all. The store keeps, and bills,
 * parts that are neither joined nor dropped. So the name that it gives to the upload is
 * in .NAME.upload beside the file before the first part is sent. A failure drops the
 * parts; what cannot be dropped then, because the store is gone or the daemon dies, is
 * dropped by the next attempt to send the file, which the next start makes. Keys that
 * may not drop them leave them, with a line in the log.
 */
#include "dest/s3_request.h"

#define S3_PART_BYTES (INT64_C(128) << 20)

struct s3_parts_file {
	const char *path, *key, *content_type;
	int fd;
	off_t size;
};

/* Make the file an object, in parts; blocks. 0, or -errno with why. */
int s3_parts_put(struct s3_request *r, const struct s3_credentials *c, const struct s3_parts_file *file,
		 char why[static S3_WHY_MAX]);

#endif
