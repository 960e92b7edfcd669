/* SPDX-License-Identifier: MIT */
#ifndef BASE_STANDARD_FDS_H
#define BASE_STANDARD_FDS_H

/*
 * Open /dev/null at those of the descriptors 0 to 2 that are closed, so that no
 * file or socket of the program gets their numbers and with it what is meant
 * for a terminal. Opened the wrong way round: using them is an error (EBADF), as
 * it was. To be called before anything is opened. Where even /dev/null cannot be
 * opened the process is ended.
 */
void standard_fds_fill(void);

#endif
