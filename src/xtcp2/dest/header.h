/* SPDX-License-Identifier: MIT */
#ifndef DEST_HEADER_H
#define DEST_HEADER_H
/* The header line of csv and tsv at the beginning of files. */
#include "dest/dest.h"

/*
 * Tell whether the regular file open as fd begins with the header of e already: it
 * is appended to after a restart. Its path, or NULL for /proc/self/fd, is opened
 * again to be read; a file with content that may not be read counts as having it.
 */
bool file_has_header(int fd, const char *path, const struct envelope *e);

#endif
