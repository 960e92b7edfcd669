/* SPDX-License-Identifier: MIT */
#ifndef DEST_COPY_H
#define DEST_COPY_H
/* -destWriteFiles: copies of the first envelopes, one file each, made before they are sent. */
#include "dest/dest.h"

/* Write CAPTURE_PATH/xtcp2-envelope-NNNNNN.ENCODER; a failure is counted and logged. */
void dest_copy(const struct dest_config *config, struct envelope *e, uint32_t number);

#endif
