/* SPDX-License-Identifier: MIT */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H
/* Files that hold a secret: a private key, tokens. */
#include <stddef.h>

/*
 * Open a regular file for reading that only its owner may write and that others
 * than owner and group may not read; a secret that everybody knows is none. Does
 * not wait for the writer of a FIFO. The descriptor, close-on-exec and the
 * caller's, or -errno with one sentence in error that names the file and what to do.
 */
int secret_file_open(const char *path, char *error, size_t size);

#endif
