/* SPDX-License-Identifier: MIT */
#ifndef RUN_REPLAY_H
#define RUN_REPLAY_H
#include "config/config.h"

/* xtcp2 -replay FILE: decodes a capture into -dest, says on stderr what it met, returns the exit status. */
int replay_run(const struct config *config);

#endif
