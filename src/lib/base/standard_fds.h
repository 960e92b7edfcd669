/* SPDX-License-Identifier: MIT */
#ifndef BASE_STANDARD_FDS_H
#define BASE_STANDARD_FDS_H

struct buf;

/*
 * Open /dev/null at those of the descriptors 0 to 2 that are closed, so that no file
 * or socket of the program gets such a number and receives output meant for a
 * terminal. stdin is opened for writing, stdout and stderr for reading: using them
 * still fails with EBADF. Call it before anything is opened. If /dev/null cannot be
 * opened, the process ends.
 *
 * When the process exits and what printf(3) wrote could not all be written, for a full
 * disk for example, one line says so and the exit status is 1.
 */
void standard_fds_fill(void);

/* Write the bytes to standard output; when that fails, say why. Return the exit status: 0 or 1. */
int standard_output(const struct buf *b);

#endif
