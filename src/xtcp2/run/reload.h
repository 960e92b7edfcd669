/* SPDX-License-Identifier: MIT */
#ifndef RUN_RELOAD_H
#define RUN_RELOAD_H
/*
 * SIGHUP: open files anew, and read the configuration again. A configuration that differs is tried
 * as one of a gRPC client is (trial.h), and the daemon restarts in place with it. Main thread.
 */
#include <stdbool.h>

#include "api/backend.h"
#include "base/buf.h"

struct daemon;

struct reload {
	struct backend_attempt attempt;
	struct buf seen; /* what the files that options name looked like at the start */
	bool again;	 /* SIGHUP came while a configuration was tried */
};

/* Note what the files of the options look like. Return 0 or -errno. */
int reload_start(struct daemon *d);
void reload_stop(struct daemon *d);

/* Open the files that the daemon writes anew, at the paths of its options. */
void reload_files(struct daemon *d);
/* reload_files(), and read the configuration again. */
void reload_all(struct daemon *d);

#endif
