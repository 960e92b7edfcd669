/* SPDX-License-Identifier: MIT */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H
#include <stddef.h>

/* Return how many file descriptors this process has open; 0 where /proc is hidden. Any thread. */
size_t descriptors_open(void);

#endif
