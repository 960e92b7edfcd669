/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_REPLAY_H
#define DAEMON_REPLAY_H
#include "config/config.h"

/* xtcp2 -replay FILE: decodes a capture into -dest, says on stderr what it met, returns the exit status. */
int replay_run(const struct config *config);

#endif
