/* SPDX-License-Identifier: MIT */
#include "vmrun/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

/* The interval of the lines of a long step without a terminal. */
#define SIGN_OF_LIFE_NS (15 * NS_PER_SEC)

#define NAME_WIDTH 28

/* Columns where there is no terminal, and the least and the most that lines are broken for. */
#define WIDTH_PLAIN 80
#define WIDTH_MIN   50
#define WIDTH_MAX   120

/* Where the reason of an outcome goes on in further lines. */
#define REASON_INDENT 9

void progress_init(struct progress *p, bool silent)
{
	*p = (struct progress){.tty = isatty(STDOUT_FILENO) == 1, .silent = silent};
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static int width(FILE *to)
{
	struct winsize size;

	if (ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_PLAIN;
	return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

/* Count characters of UTF-8, not bytes. */
static int columns_of(const char *text, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void progress_wrap(FILE *to, const char *text, int column, int indent)
{
	int most = width(to);
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " ");
		int wide = columns_of(text, len);
		if (column + !first + wide > most && column > indent) {
			fprintf(to, "\n%*s", indent, "");
			column = indent;
			first = true;
		}
		fprintf(to, "%s%.*s", first ? "" : " ", (int)len, text);
		column += !first + wide;
		first = false;
		text += len;
		text += strspn(text, " ");
	}
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
	char text[1024];
	va_list ap;

	progress_clear(p);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	int blanks = (int)strspn(text, " ");
	printf("%*s", blanks, "");
	/* What is in columns already stays so. */
	if (columns_of(text, strlen(text)) <= width(stdout))
		fputs(text + blanks, stdout);
	else
		progress_wrap(stdout, text + blanks, blanks, blanks + 2);
	putchar('\n');
	fflush(stdout);
}

static double step_seconds(const struct progress *p)
{
	return (double)(clock_mono_ns() - p->step_start_ns) / NS_PER_SEC;
}

void progress_step(struct progress *p, const char *step, int64_t load_ms)
{
	snprintf(p->step, sizeof(p->step), "%s", step);
	p->step_load_ms = load_ms;
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
	progress_clear(p);
	printf("  %s ", mark);
	/* The mark of a terminal is one column wide, that of plain lines four. */
	int column = 3 + (p->tty ? 1 : 4) + printf("%-*s %7.1f s", NAME_WIDTH, step, seconds);
	if (reason && *reason) {
		fputs("  ", stdout);
		progress_wrap(stdout, reason, column + 2, REASON_INDENT);
	}
	putchar('\n');
	fflush(stdout);
}

/* " of 120 s" for a step whose time is known, else nothing. */
static const char *of_load(const struct progress *p, char text[static 32])
{
	*text = '\0';
	if (p->step_load_ms > 0)
		snprintf(text, 32, " of %.0f s", (double)p->step_load_ms / 1e3);
	return text;
}

void progress_tick(struct progress *p)
{
	static const char *const wheel[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"};

	char load[32];

	if (p->silent || !p->step[0])
		return;
	if (p->tty) {
		printf("\r\033[K  %s %-*s %7.1f s%s", wheel[p->ticks++ % 8], NAME_WIDTH, p->step,
		       step_seconds(p), of_load(p, load));
		p->live = true;
		fflush(stdout);
	} else if (clock_mono_ns() - p->last_sign_ns >= SIGN_OF_LIFE_NS) {
		p->last_sign_ns = clock_mono_ns();
		progress_line(p, "  ... %s, %.0f s%s", p->step, step_seconds(p), of_load(p, load));
	}
}
