/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H
/*
 * What libFuzzer, or replay.c in its place, calls for each input, and what harnesses share. A harness
 * asserts more than that nothing crashes: what was read can be written and read again, what is written
 * is well formed, what is refused leaves a sentence.
 */
#include <stddef.h>
#include <stdint.h>

struct record;

/* Return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of the input that ends with a NUL, for functions over text. Never NULL; free() it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Write the record in every format; what claims to be JSON must be JSON. */
void fuzz_write_record(const struct record *r);

/* An empty directory, in memory where possible, gone at the end of the program. */
const char *fuzz_directory(void);

#endif
