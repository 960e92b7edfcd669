/* SPDX-License-Identifier: MIT */
#ifndef RUN_DAEMON_H
#define RUN_DAEMON_H
/*
 * The parts put together: start-up in the order of the data path's end to its
 * beginning, the main loop, and the way down. Nothing else of xtcp2 knows all
 * the parts.
 */
#include "config/config.h"

struct handover;

/*
 * Runs until SIGTERM, SIGINT, SIGHUP, -maxLoops, a new configuration from a
 * client (then it starts over in place) or a destination that is gone for good.
 * `received` is settled once it is up. `name` is argv[0], to start over with.
 * Returns the exit status: 0; 1 when something failed while running or records
 * were left unsent at the end; 2 when the configuration cannot be run.
 */
int daemon_run(struct config *config, struct handover *received, char *name);

/*
 * The same up to the first poll, and back: what does not start is said, and
 * nobody is sent or told anything. Returns the exit status that the start would have.
 */
int daemon_check(struct config *config, struct handover *received);

#endif
