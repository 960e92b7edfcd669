/* SPDX-License-Identifier: MIT */
#ifndef RUN_DAEMON_H
#define RUN_DAEMON_H
/*
 * Start-up of all parts, from the end of the data path to its beginning, the main
 * loop, and the shutdown. No other file knows all the parts.
 */
#include "config/config.h"

struct handover;

/*
 * Run until SIGTERM, SIGINT, SIGHUP, -maxLoops, a new configuration from a client
 * (the daemon then restarts in place) or the permanent loss of the destination.
 * `received` is settled after start-up. `name` is argv[0], for the restart. Return
 * the exit status: 0; 1 if something failed while running; 2 if the configuration
 * cannot be run; 3 (STATUS_UNDELIVERED) if records were lost or nobody was reached.
 */
int daemon_run(struct config *config, struct handover *received, char *name);

/*
 * Start up to the first poll and shut down: report failures, send no records and
 * notify nobody. Return the exit status that the start would have.
 */
int daemon_check(struct config *config, struct handover *received);

#endif
