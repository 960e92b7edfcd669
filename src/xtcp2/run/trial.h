/* SPDX-License-Identifier: MIT */
#ifndef RUN_TRIAL_H
#define RUN_TRIAL_H
/*
 * Trial of a configuration: a child process starts with it like the daemon, without
 * polling and sending, and reports faults. The main loop continues meanwhile. Main
 * thread.
 */
#include "base/loop.h"
#include "config/config.h"
#include "run/handover.h"

struct trial;

/*
 * Report the result, once, on the loop: flag and sentence describe the fault, NULL if
 * there is none; flag is "" for no option. It may call trial_free().
 */
typedef void (*trial_fn)(void *data, const char *flag, const char *sentence);

/* Start a trial. Arguments are borrowed for the call, name and data until the end. Return NULL with errno on
 * failure. */
struct trial *trial_start(struct loop *loop, const struct config *config, const struct handover *left,
			  char *name, trial_fn done, void *data);
/* Kill the child if it still runs; done is not called any more. NULL is fine. */
void trial_free(struct trial *t);

#endif
