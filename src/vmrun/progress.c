/* SPDX-License-Identifier: MIT */
#include "vmrun/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* The interval of the lines of a long step without a terminal. */
#define SIGN_OF_LIFE_NS (15 * NS_PER_SEC)

#define NAME_WIDTH 28

void progress_init(struct progress *p, bool silent)
{
	*p = (struct progress){.tty = isatty(STDOUT_FILENO) == 1, .silent = silent};
	setvbuf(stdout, NULL, _IOLBF, 0);
}

void progress_clear(struct progress *p)
{
	if (p->live)
		fputs("\r\033[K", stdout);
	p->live = false;
	fflush(stdout);
}

void progress_line(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	progress_clear(p);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static double step_seconds(const struct progress *p)
{
	return (double)(clock_mono_ns() - p->step_start_ns) / NS_PER_SEC;
}

void progress_step(struct progress *p, const char *step)
{
	snprintf(p->step, sizeof(p->step), "%s", step);
	p->step_start_ns = p->last_sign_ns = clock_mono_ns();
	progress_tick(p);
}

void progress_done(struct progress *p, const char *step, bool good, int64_t ms, const char *reason)
{
	double seconds = ms >= 0 ? ms / 1e3 : step_seconds(p);
	const char *mark = p->tty ? good ? "\033[32m✓\033[0m" : "\033[31m✗\033[0m" : good ? "ok  " : "FAIL";

	p->step[0] = '\0';
	if (p->silent)
		return;
	progress_line(p, "  %s %-*s %7.1f s%s%s", mark, NAME_WIDTH, step, seconds,
		      reason && *reason ? "  " : "", reason ? reason : "");
}

void progress_tick(struct progress *p)
{
	static const char *const wheel[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"};

	if (p->silent || !p->step[0])
		return;
	if (p->tty) {
		printf("\r\033[K  %s %-*s %7.1f s", wheel[p->ticks++ % 8], NAME_WIDTH, p->step,
		       step_seconds(p));
		p->live = true;
		fflush(stdout);
	} else if (clock_mono_ns() - p->last_sign_ns >= SIGN_OF_LIFE_NS) {
		p->last_sign_ns = clock_mono_ns();
		progress_line(p, "  ... %s, %.0f s", p->step, step_seconds(p));
	}
}
