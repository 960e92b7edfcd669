/* SPDX-License-Identifier: MIT */
#ifndef RUN_REPLAY_H
#define RUN_REPLAY_H
#include "config/config.h"

/* Run xtcp2 -replay FILE: decode a capture into -dest, report on stderr, return the exit status. */
int replay_run(const struct config *config);

#endif
