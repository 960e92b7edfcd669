/* SPDX-License-Identifier: MIT */
#ifndef LOOK_LOOK_H
#define LOOK_LOOK_H
/*
 * Subcommands of xtcp2 that look at this host's sockets without a daemon: no port is opened and nothing is sent.
 * They find namespaces, read them and decode by the daemon's own code (look/reader.h), and draw by that of
 * lib/view.
 */
#include <stdbool.h>

#include "base/suggest.h"

typedef int (*look_fn)(int argc, char **argv);

/* Find a subcommand; its function takes argv from the name on and returns the exit status. NULL for none. */
look_fn look_find(const char *name);

/* Write "; did you mean top?" into text. Return false when no name is near. */
bool look_suggest(const char *name, char text[static SUGGEST_TEXT_MAX]);

/* The subcommands, up to a row without a name. */
extern const struct look_command {
	const char *name, *help;
	look_fn run;
} look_table[];

int look_ss(int argc, char **argv);
int look_top(int argc, char **argv);
int look_cat(int argc, char **argv);
int look_fields(int argc, char **argv);

#endif
