/* SPDX-License-Identifier: MIT */
#ifndef RUN_ORIGIN_H
#define RUN_ORIGIN_H
/*
 * The command line and the XTCP_ variables that the operator started the daemon with, in a
 * memfd that every process after a restart in place inherits: these read their configuration
 * from another memfd, and SIGHUP reads the operator's again.
 */
#include "config/config.h"

/* Write argv and the environment of the process to a memfd. Return it, owned by the caller, or -errno. */
int origin_keep(int argc, char *const *argv);

/*
 * Read the configuration anew as config_load() did at the first start, and the secrets of its files, into
 * c, which config_init() has filled. Return 0, or a negative errno with one line in error.
 */
int origin_load(int fd, struct config *c, char *error, size_t size);

#endif
