/* SPDX-License-Identifier: MIT */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H
/*
 * Files that a user names to be read. open(2) of a FIFO waits until somebody
 * opens it for writing, for ever if nobody does, and nothing tells the user what
 * the program waits for. Here such a FIFO is an error at once; one with a writer,
 * or with data left by one, is read to its end like a file (as the shell's <(...) is).
 */
#include <stdio.h>

#include "base/buf.h"

/* A descriptor to read path from, O_CLOEXEC; -EPIPE for a FIFO nobody writes to, or -errno. Does not wait. */
int input_open(const char *path);

/* The same as a stream; NULL with errno. */
FILE *input_fopen(const char *path);

/* Append the whole file, "-" for stdin. 0 or -errno. Wait for a slow writer. */
int input_read(const char *path, struct buf *b);

/* strerror(3) for the errno (positive) of the two. */
const char *input_strerror(int error);

#endif
