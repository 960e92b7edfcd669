/* SPDX-License-Identifier: MIT */
#ifndef DEST_S3_UPLOAD_H
#define DEST_S3_UPLOAD_H
/*
 * Theory of operation
 *
 * A thread sends the whole files of the spool to the store, oldest first, and removes
 * each that the store has confirmed. What the store refuses or cannot be reached for stays
 * and is tried again, after a pause that doubles from S3_PAUSE_NS to S3_PAUSE_MAX_NS, with
 * jitter, and begins with the next file: one that cannot be sent holds up no other. Such a
 * file is set aside (s3_doubts.h tells it from a store that takes nothing) and tried again
 * behind the others, less and less often. The spool is the queue: what a crash or an end
 * leaves there is sent by the next process, under the same key, so that an object that was
 * sent twice is there once.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "dest/file_name.h"
#include "dest/ops.h"
#include "dest/s3_request.h"

#define S3_PAUSE_NS	(500 * NS_PER_MS)
#define S3_PAUSE_MAX_NS (30 * NS_PER_SEC)

struct s3_upload;

/* Borrowed; they live as long as the uploads. */
struct s3_upload_options {
	struct s3_place place;
	const char *prefix; /* of keys, without slashes at its ends; "" for none */
	const char *access_key, *secret_key;
	const struct file_name *spool; /* its directories */
	uint64_t spool_bytes;	       /* half of them for refused files */
	int wake_fd;		       /* written when the state has changed */
};

/* NULL with a clause in io->why. */
struct s3_upload *s3_upload_new(struct dest_io *io, const struct s3_upload_options *options);
/* Start the thread. 0 or -errno. */
int s3_upload_start(struct s3_upload *u);
/* A file has been added to the spool. */
void s3_upload_wake(struct s3_upload *u, uint64_t bytes);
/* Wait until the spool is empty but for refused files, the store fails, or the deadline (CLOCK_MONOTONIC). */
void s3_upload_flush(struct s3_upload *u, int64_t deadline_ns);
/* End the thread; a running request is cut off. NULL is fine. */
void s3_upload_free(struct s3_upload *u);

/* The bytes in the spool, those of refused files among them. */
uint64_t s3_upload_waiting(struct s3_upload *u);

enum s3_health {
	S3_UNKNOWN, /* the store has not been asked yet, or does not say */
	S3_GOOD,    /* the last request was confirmed */
	S3_BAD,	    /* it failed, with why */
};
/* The state, and the number of requests that led to it. */
enum s3_health s3_upload_health(struct s3_upload *u, char why[static S3_WHY_MAX], uint64_t *requests);

#endif
