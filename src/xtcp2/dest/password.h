/* SPDX-License-Identifier: MIT */
#ifndef DEST_PASSWORD_H
#define DEST_PASSWORD_H
/* The first line of a file that holds a password or a key. */
#include "dest/ops.h"

/*
 * Read the first line of the file that -flag names into out (size bytes); "" for no file. Others may not
 * read the file. Return 0, or -EINVAL with a clause in io->why.
 */
int password_read(struct dest_io *io, const char *flag, const char *file, char *out, size_t size);

#endif
