/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_WAYS_IN_H
#define VMRUN_WAYS_IN_H
/* What a user is told of a machine that stays up: how to get in, and what to try. */
#include <jansson.h>

#include "vmrun/progress.h"

/*
 * A line a way. console_port is that of the root shell, 0 for none; ports is the array of the
 * run's record, with name, host and guest of each; command is the flavor's "try" or NULL, in
 * which {NAME} stands for the host's port of that name. All borrowed.
 */
void ways_in_print(struct progress *progress, int console_port, const json_t *ports, const char *command);

#endif
