/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_ACCESS_H
#define VMRUN_ACCESS_H
/* The addresses of a machine that stays up, and a command to try, for its user. */
#include <jansson.h>

#include "vmrun/progress.h"

/*
 * Print one line per address. console_port is the root shell's, 0 for none; ports is the array
 * of the run's record, with name, host and guest of each; command is the flavor's "try" or NULL,
 * in which {NAME} stands for the host's port of that name. All arguments are borrowed.
 */
void access_print(struct progress *progress, int console_port, const json_t *ports, const char *command);

#endif
