/* SPDX-License-Identifier: MIT */
#ifndef DEST_S3_SPOOL_H
#define DEST_S3_SPOOL_H
/*
 * The files of the spool. One is DATE/HOUR/HOST_NAME+RECORDS, whose object has the key
 * PREFIX/DATE/HOUR/host=HOST/HOST_NAME; without +RECORDS after a crash, as the number is
 * not known then. What the store refuses while it takes others is set aside: .refused
 * comes behind its name. At most S3_REFUSED_FILES and a part of the spool's bytes are
 * kept like that; of more, the oldest are dropped and counted.
 *
 * One thread; the functions block as the file system does.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "dest/file_name.h"

/* Files that are listed in one go; the rest is found when these are gone. */
#define S3_FILES_MAX	 4096
#define S3_REFUSED_FILES 1000

/* Between the host and the rest of a name; no host name has one. */
#define S3_HOST_END '_'

struct s3_file_name {
	size_t object;	  /* length of the object's name, at the start */
	uint64_t records; /* in it; 0 for an unknown number */
	bool refused;
};

/* Take the name of a file, or a path, apart. Pure. */
struct s3_file_name s3_file_name(const char *file);

/* Write the key of a file of the spool: its path below the spool and the prefix. Pure. */
void s3_key(struct buf *key, const char *prefix, const char *path);

/* Return the content type of a file by its suffix: the spool may hold files of an earlier -marshal. Pure. */
const char *s3_content_type(const char *path);

struct s3_files {
	char *paths[S3_FILES_MAX]; /* oldest first */
	size_t count;
	uint64_t number, bytes; /* of these, and of those beyond S3_FILES_MAX */
};

struct s3_spool {
	const struct file_name *names; /* borrowed: its directories */
	uint64_t refused_max;	       /* bytes of refused files */
	struct s3_files waiting, refused;
	int64_t tidied_ns;
};

/* List the files anew, and drop refused ones beyond the bounds. Empty directories are removed at times. */
void s3_spool_list(struct s3_spool *s);
/* Free the lists. */
void s3_spool_forget(struct s3_spool *s);

/* Return the index of the first file behind this path, 0 when there is none: where to go on. */
size_t s3_files_after(const struct s3_files *files, const char *path);

/* Set a file aside and say so, with the reason; it is in neither list before the next s3_spool_list(). */
void s3_spool_refuse(struct s3_spool *s, const char *path, const char *why);

#endif
