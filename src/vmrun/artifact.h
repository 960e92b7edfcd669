/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_ARTIFACT_H
#define VMRUN_ARTIFACT_H
/*
 * The host's end of the artifact port. It parses header lines and bodies (see
 * result_line.h) from the byte stream, writes each artifact to DIR/NAME once its
 * check sum matches, and chooses the answer to the guest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest artifact accepted: a bound against a runaway guest, far above the size of coverage data. */
#define ARTIFACT_MAX (INT64_C(512) << 20)

struct artifact_result {
	const char *name;
	uint64_t size;
	const char *error; /* NULL: stored */
};

struct artifacts;
/* Called at the end of each artifact, stored or failed. */
typedef void (*artifact_fn)(const struct artifact_result *result, void *data);

/* Create the receiver. The first artifact creates `dir`. Headers with another nonce are refused.
 * Return NULL when memory is exhausted. */
struct artifacts *artifacts_new(const char *dir, const char *nonce, artifact_fn fn, void *data);
/* Free the receiver and remove a half-received file. */
void artifacts_free(struct artifacts *a);
void artifacts_feed(struct artifacts *a, const void *bytes, size_t n);

#endif
