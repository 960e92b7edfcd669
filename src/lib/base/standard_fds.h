/* SPDX-License-Identifier: MIT */
#ifndef BASE_STANDARD_FDS_H
#define BASE_STANDARD_FDS_H

/*
 * Open /dev/null at those of the descriptors 0 to 2 that are closed, so that no file
 * or socket of the program gets such a number and receives output meant for a
 * terminal. stdin is opened for writing, stdout and stderr for reading: using them
 * still fails with EBADF. Call it before anything is opened. If /dev/null cannot be
 * opened, the process ends.
 */
void standard_fds_fill(void);

#endif
