/* SPDX-License-Identifier: MIT */
#ifndef RUN_REEXEC_H
#define RUN_REEXEC_H
#include "config/config.h"

/*
 * Replaces this process by a fresh start of the same program with the given
 * configuration: same PID, same standard streams, same privileges. Everything
 * else must be closed or close-on-exec. Returns only when it failed (logged),
 * with the exit status.
 */
int reexec(const struct config *config, char *name);

/*
 * To be called after config_load(): when the configuration came from reexec(),
 * lets go of the memory it was handed over in and forgets the file's name.
 */
void reexec_taken_over(struct config *config);

#endif
