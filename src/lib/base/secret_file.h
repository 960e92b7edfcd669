/* SPDX-License-Identifier: MIT */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H
/* Files that hold a secret: a private key, tokens. */
#include <limits.h>
#include <stddef.h>

/*
 * Write the path of a file that an option names: a name without a slash is looked for in
 * $CREDENTIALS_DIRECTORY (LoadCredential= of systemd), then in /run/secrets (Docker, Podman), then in the
 * working directory. Return path.
 */
const char *secret_file_path(const char *name, char path[static PATH_MAX]);

/*
 * Open a secret for reading. It must be a regular file that only its owner may write
 * and only owner and group may read. Does not wait for the writer of a FIFO. Return
 * the descriptor (close-on-exec, owned by the caller), or -errno with one sentence in
 * error (size bytes) that names the file and the remedy.
 */
int secret_file_open(const char *path, char *error, size_t size);

#endif
