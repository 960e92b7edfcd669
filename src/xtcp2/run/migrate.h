/* SPDX-License-Identifier: MIT */
#ifndef RUN_MIGRATE_H
#define RUN_MIGRATE_H
/*
 * xtcp2 -migrate FLAGS...: read a command line of the earlier xtcp2, written in Go, and its
 * variables in the environment, and print the configuration file that does the same here. Lines
 * on stderr name what differs and what has no counterpart.
 */

#include "base/buf.h"

/* argv is what follows -migrate. Return the exit status: 0, or 2 if the command line is not one of the earlier xtcp2. */
int migrate_run(int argc, char *const *argv);
/* Warn in one line about variables of the earlier xtcp2, which have no effect here. */
void migrate_warn_variables(void);
/* Append the table of flags and variables as Markdown. */
void migrate_markdown(struct buf *b);

#endif
