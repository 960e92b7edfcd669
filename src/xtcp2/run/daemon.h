/* SPDX-License-Identifier: MIT */
#ifndef RUN_DAEMON_H
#define RUN_DAEMON_H
/*
 * The parts put together: start-up in the order of the data path's end to its
 * beginning, the main loop, and the way down. Nothing else of xtcp2 knows all
 * the parts.
 */
#include "config/config.h"

/*
 * Runs until SIGTERM, SIGINT, SIGHUP, -maxLoops, a new configuration from a
 * client (then it starts over in place) or a destination that is gone for good.
 * argv[0] is the name to start over with. Returns the exit status: 0; 1 when
 * something failed while running or records were left unsent at the end; 2 when
 * the configuration cannot be run.
 */
int daemon_run(struct config *config, char *const *argv);

#endif
