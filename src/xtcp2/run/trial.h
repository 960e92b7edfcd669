/* SPDX-License-Identifier: MIT */
#ifndef RUN_TRIAL_H
#define RUN_TRIAL_H
/*
 * A configuration is tried before it is taken: a child process starts with it as
 * the daemon would, all but polls and sending, and says what is wrong. The main
 * loop goes on meanwhile. Main thread.
 */
#include "base/loop.h"
#include "config/config.h"
#include "run/handover.h"

struct trial;

/*
 * flag and sentence say what is wrong, NULL when nothing is; flag is "" when it is
 * about no option. Called once, on the loop; trial_free() is right in there.
 */
typedef void (*trial_fn)(void *data, const char *flag, const char *sentence);

/* All is borrowed for the time of the call, name and data until the end. NULL with errno. */
struct trial *trial_start(struct loop *loop, const struct config *config, const struct handover *left,
			  char *name, trial_fn done, void *data);
/* Kills the child if it still runs; done is not called any more. NULL is fine. */
void trial_free(struct trial *t);

#endif
