/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H
/*
 * The entry point that libFuzzer, or replay.c in its place, calls for each input, and helpers of the
 * harnesses. A harness asserts more than the absence of crashes: accepted input can be written and read
 * again, output is well formed, a refusal has a sentence.
 */
#include <stddef.h>
#include <stdint.h>

struct record;

/* Return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Return a NUL-terminated copy of the input, for functions over text. Never NULL; free() it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Write the record in every format; the JSON formats must be valid JSON. */
void fuzz_write_record(const struct record *r);

/* Return an empty directory, in memory if possible, which is removed at the end of the program. */
const char *fuzz_directory(void);

#endif
