/* SPDX-License-Identifier: MIT */
#ifndef DEST_FILES_H
#define DEST_FILES_H
/* file:PATH that makes one whole file after another, rather than appending to one. */
#include "dest/ops.h"

/* Tell whether the path or the options ask for that. */
bool files_wanted(const struct dest_config *c, const char *address);

#endif
