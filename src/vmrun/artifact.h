/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_ARTIFACT_H
#define VMRUN_ARTIFACT_H
/*
 * The host's end of the artifact port: takes header lines and bodies (see
 * result_line.h) from the byte stream, writes each artifact to DIR/NAME once its
 * check sum is right, and says which answer the guest is due.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest artifact taken: a bound against a runaway guest, far above coverage data. */
#define ARTIFACT_MAX (INT64_C(512) << 20)

struct artifact_result {
	const char *name;
	uint64_t size;
	const char *error; /* NULL: it was stored */
};

struct artifacts;
/* Called for each artifact that ended, well or not. */
typedef void (*artifact_fn)(const struct artifact_result *result, void *data);

/* `dir` is made when the first artifact arrives.
 * Headers with another nonce are refused. NULL without memory. */
struct artifacts *artifacts_new(const char *dir, const char *nonce, artifact_fn fn, void *data);
/* Removes a half-received file. */
void artifacts_free(struct artifacts *a);
void artifacts_feed(struct artifacts *a, const void *bytes, size_t n);

#endif
