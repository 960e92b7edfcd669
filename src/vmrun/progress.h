/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_PROGRESS_H
#define VMRUN_PROGRESS_H
/*
 * What a person sees while the machine runs, on standard output. On a terminal
 * the step under way is one line that ticks and is replaced by its outcome;
 * elsewhere each outcome is a plain line, with a sign of life now and then.
 */
#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool tty, silent;
	bool live; /* a live line is on the screen */
	char step[96];
	int64_t step_start_ns, last_sign_ns;
	unsigned int ticks;
};

/* `silent`: only progress_line() prints (the terminal is the guest's). */
void progress_init(struct progress *p, bool silent);
/* A permanent line of its own. */
void progress_line(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A step begins: booting, a check. */
void progress_step(struct progress *p, const char *step);
/* The step's outcome. `ms` < 0: as the host measured it. `reason` may be NULL. */
void progress_done(struct progress *p, const char *step, bool good, int64_t ms, const char *reason);
/* Call it a few times a second. */
void progress_tick(struct progress *p);
/* Takes the live line away. */
void progress_clear(struct progress *p);

#endif
