/* SPDX-License-Identifier: MIT */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H
/*
 * Input files named by the user. open(2) of a FIFO without a writer blocks forever,
 * and the user does not see why. Here such a FIFO fails at once. A FIFO with a
 * writer, or with data left by one, is read to its end like a file (as the shell's <(...)).
 */
#include <stdio.h>

#include "base/buf.h"

/* Open path for reading, O_CLOEXEC. Return the descriptor, -EPIPE for a FIFO without a writer, or -errno.
 * Does not block. */
int input_open(const char *path);

/* Open path as a stream; NULL with errno, as input_open(). */
FILE *input_fopen(const char *path);

/* Append the whole file, "-" for stdin. 0 or -errno. Wait for a slow writer. */
int input_read(const char *path, struct buf *b);

/* Return the text of a (positive) errno of input_open() or input_fopen(). */
const char *input_strerror(int error);

#endif
