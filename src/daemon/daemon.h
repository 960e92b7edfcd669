/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H
/*
 * The parts put together: start-up in the order of the data path's end to its
 * beginning, the main loop, and the way down. Nothing else of xtcp2 knows all
 * the parts.
 */
#include "config/config.h"

/*
 * Runs until SIGTERM, SIGINT, -maxLoops or a destination that is gone for good.
 * argv is what a re-exec in place would be started with. Returns the exit
 * status: 0, 1 when something failed while running, 2 when the configuration
 * cannot be run.
 */
int daemon_run(struct config *config, char *const *argv);

#endif
