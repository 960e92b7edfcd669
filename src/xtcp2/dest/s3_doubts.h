/* SPDX-License-Identifier: MIT */
#ifndef DEST_S3_DOUBTS_H
#define DEST_S3_DOUBTS_H
/*
 * Tells an object that cannot be sent from a store that takes none: the object fails, the
 * store confirms another one, and the object fails again. Remembers S3_DOUBTS_MAX objects;
 * the proof of one that is forgotten begins anew. One thread.
 */
#include <stdbool.h>
#include <stdint.h>

#define S3_DOUBTS_MAX 64

struct s3_doubts {
	uint64_t confirmed; /* objects */
	unsigned next;	    /* to be overwritten */
	struct s3_doubt {
		char *path;
		uint64_t confirmed; /* when it failed last */
		unsigned failures;  /* with a confirmation before each but the first */
	} list[S3_DOUBTS_MAX];
};

void s3_doubts_free(struct s3_doubts *d);

/* The store has confirmed the object. */
void s3_doubts_confirm(struct s3_doubts *d, const char *path);

/* The object failed. Return whether it has done so this often while others arrived; it is forgotten then. */
bool s3_doubts_fail(struct s3_doubts *d, const char *path, unsigned failures);

#endif
