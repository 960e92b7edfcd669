/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_PROGRESS_H
#define VMRUN_PROGRESS_H
/*
 * The progress display on standard output while the machine runs. On a terminal
 * the current step is one line with a clock, which its outcome replaces; elsewhere
 * each outcome is a plain line, and a long step prints a line every 15 s. Lines
 * are broken between words at the terminal's width; elsewhere, at 80 columns.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	bool tty, silent;
	bool live; /* a line that will be replaced is on the screen */
	char step[96];
	int64_t step_load_ms; /* time that the step is known to take; 0: unknown */
	int64_t step_start_ns, last_sign_ns;
	unsigned int ticks;
};

/* With `silent`, only progress_line() prints (the guest has the terminal). */
void progress_init(struct progress *p, bool silent);
/* Print a permanent line. */
void progress_line(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Begin a step: the boot or a check. load_ms: the time of the load that it lasts for, 0 for none. */
void progress_step(struct progress *p, const char *step, int64_t load_ms);
/* Print a step's outcome. `ms` < 0: the time that the host measured. `reason` may be NULL. */
void progress_done(struct progress *p, const char *step, bool good, int64_t ms, const char *reason);
/* Update the display; call it a few times per second. */
void progress_tick(struct progress *p);
/*
 * Print a text that begins at column `column` of a line that is begun, broken between
 * words; further lines begin at column `indent`. No newline at the end.
 */
void progress_wrap(FILE *to, const char *text, int column, int indent);
/* Remove the line of the current step. */
void progress_clear(struct progress *p);

#endif
