/* SPDX-License-Identifier: MIT */
/*
 * pty COLUMNS ROWS PROGRAM [ARGUMENT]...: runs a program on a terminal of that size and is the terminal: it understands the
 * sequences that tables use (cursor home, erase, attributes, the alternate screen), each of which it does not know is
 * an error. Reads commands, one a line; after each it writes one line that begins with "ok" or "failed".
 *
 *	wait TEXT	until the screen has the text; WAIT_NS at most
 *	gone TEXT	until it has not
 *	send TEXT	type it; \r, \e, \t and \\ are understood
 *	screen		write the screen, a line each, before "ok", when it has not changed for SETTLE_MS
 *	colours		write how many cells have a colour
 *	resize C R	change the size, as a window does
 *	signal NAME	TERM INT HUP QUIT TSTP CONT STOP to the program
 *	stopped		until the program is stopped
 *	modes		write "raw" or "cooked" and "alternate" or "main", and "cursor" or "hidden"
 *	end		until the program ends; writes its status, 128 + signal when one ended it
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

#define WAIT_NS	    (30 * NS_PER_SEC)
#define ROWS_MAX    100
#define COLUMNS_MAX 400
#define SETTLE_MS   60 /* of silence end a picture; programs draw less often */
#define SLICE_MS    20 /* of a wait for output, after which the program's state is looked at */

static struct terminal {
	int fd;
	pid_t pid;
	int columns, rows, x, y;
	bool alternate, hidden_cursor, coloured;
	char cells[ROWS_MAX][COLUMNS_MAX + 1];
	bool colours[ROWS_MAX][COLUMNS_MAX];
	char sequence[64]; /* an escape sequence that is coming in */
	size_t sequence_len;
	char unknown[sizeof("\033") + 64]; /* the first one that was not understood */
	bool closed;
} t;

static void blank(int y, int from)
{
	for (int x = from; x < t.columns; x++) {
		t.cells[y][x] = ' ';
		t.colours[y][x] = false;
	}
	t.cells[y][t.columns] = '\0';
}

static void clear(void)
{
	for (int y = 0; y < ROWS_MAX; y++)
		blank(y, 0);
}

static void scroll(void)
{
	memmove(t.cells[0], t.cells[1], sizeof(t.cells[0]) * (size_t)(t.rows - 1));
	memmove(t.colours[0], t.colours[1], sizeof(t.colours[0]) * (size_t)(t.rows - 1));
	blank(t.rows - 1, 0);
}

static void line_feed(void)
{
	if (t.y + 1 < t.rows)
		t.y++;
	else
		scroll();
}

/* Attributes: 0 ends them, 30 and above are colours. */
static void attributes(const char *p)
{
	for (;; p++) {
		int n = (int)strtol(p, (char **)&p, 10);

		t.coloured = n == 0 ? false : n >= 30 ? true : t.coloured;
		if (*p != ';')
			return;
	}
}

/* A whole sequence: "[H", "[0m", "[?25l". */
static void obey(const char *s)
{
	if (strcmp(s, "[H") == 0) {
		t.x = t.y = 0;
	} else if (strcmp(s, "[K") == 0) {
		blank(t.y, t.x < t.columns ? t.x : t.columns);
	} else if (strcmp(s, "[J") == 0) {
		blank(t.y, t.x < t.columns ? t.x : t.columns);
		for (int y = t.y + 1; y < t.rows; y++)
			blank(y, 0);
	} else if (strcmp(s, "[?1049h") == 0 || strcmp(s, "[?1049l") == 0) {
		t.alternate = s[6] == 'h';
		clear();
		t.x = t.y = 0;
	} else if (strcmp(s, "[?25l") == 0 || strcmp(s, "[?25h") == 0) {
		t.hidden_cursor = s[4] == 'l';
	} else if (s[strlen(s) - 1] == 'm') {
		attributes(s + 1);
	} else if (!*t.unknown) {
		snprintf(t.unknown, sizeof(t.unknown), "%.*s", (int)sizeof(t.unknown) - 1, s);
	}
}

static void character(char c)
{
	if (t.x >= t.columns) { /* a line that is too long wraps, as on a terminal */
		t.x = 0;
		line_feed();
	}
	t.cells[t.y][t.x] = c;
	t.colours[t.y][t.x++] = t.coloured;
}

static void take(char c)
{
	if (t.sequence_len > 0) {
		if (t.sequence_len + 1 < sizeof(t.sequence))
			t.sequence[t.sequence_len++] = c;
		t.sequence[t.sequence_len] = '\0';
		/* "\033[" and parameters go on, a letter ends. */
		if (t.sequence_len > 2 && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
			obey(t.sequence + 1);
			t.sequence_len = 0;
		}
	} else if (c == '\033') {
		t.sequence[t.sequence_len++] = c;
	} else if (c == '\r') {
		t.x = 0;
	} else if (c == '\n') {
		line_feed();
	} else if ((unsigned char)c >= ' ') {
		character(c);
	}
}

/* Take what the program writes within some milliseconds. */
static void listen_for(int ms)
{
	struct pollfd p = {.fd = t.fd, .events = POLLIN};
	char bytes[4096];

	if (t.closed) {
		poll(NULL, 0, ms);
		return;
	}
	if (poll(&p, 1, ms) <= 0)
		return;
	ssize_t n = read(t.fd, bytes, sizeof(bytes));
	t.closed = n <= 0 && errno != EINTR && errno != EAGAIN; /* EIO: nobody has the other side open */
	for (ssize_t i = 0; i < n; i++)
		take(bytes[i]);
}

/* Take the rest of a picture whose beginning is on the screen: until nothing more comes for a while. */
static void settle(void)
{
	struct pollfd p = {.fd = t.fd, .events = POLLIN};

	while (!t.closed && poll(&p, 1, SETTLE_MS) > 0)
		listen_for(0);
}

static bool on_screen(const char *text)
{
	for (int y = 0; y < t.rows; y++) {
		if (strstr(t.cells[y], text))
			return true;
	}
	return false;
}

static bool wait_for(const char *text, bool there)
{
	int64_t until = clock_mono_ns() + WAIT_NS;

	while (on_screen(text) != there && clock_mono_ns() < until)
		listen_for(SLICE_MS);
	return on_screen(text) == there;
}

static void print_screen(void)
{
	for (int y = 0; y < t.rows; y++) {
		int len = t.columns;

		while (len > 0 && t.cells[y][len - 1] == ' ')
			len--;
		printf("%.*s\n", len, t.cells[y]);
	}
}

static bool send_text(const char *text)
{
	static const char letters[] = "\\ret", meant[] = "\\\r\033\t";

	for (; *text; text++) {
		char c = *text;
		const char *letter = c == '\\' && text[1] ? strchr(letters, text[1]) : NULL;

		if (letter) {
			c = meant[letter - letters];
			text++;
		}
		if (write(t.fd, &c, 1) != 1)
			return false;
	}
	return true;
}

static bool resize(const char *text)
{
	int columns, rows;

	if (sscanf(text, "%d %d", &columns, &rows) != 2 || columns < 1 || rows < 2 || columns > COLUMNS_MAX ||
	    rows > ROWS_MAX)
		return false;
	t.columns = columns;
	t.rows = rows;
	clear();
	struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
	return ioctl(t.fd, TIOCSWINSZ, &size) == 0; /* the kernel sends SIGWINCH */
}

static bool send_signal(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"HUP", SIGHUP},  {"QUIT", SIGQUIT},
		       {"TSTP", SIGTSTP}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcmp(signals[i].name, name) == 0)
			return kill(t.pid, signals[i].number) == 0;
	}
	return false;
}

/* Wait for the change of the program's state that flags ask for. */
static bool wait_state(int flags, int *status)
{
	int64_t until = clock_mono_ns() + WAIT_NS;

	while (clock_mono_ns() < until) {
		pid_t pid = waitpid(t.pid, status, flags | WNOHANG);
		if (pid == t.pid)
			return true;
		if (pid < 0)
			return false;
		listen_for(SLICE_MS);
	}
	return false;
}

static bool stopped(void)
{
	int status;

	return wait_state(WUNTRACED, &status) && WIFSTOPPED(status);
}

static bool end(void)
{
	int status;

	if (!wait_state(0, &status))
		return false;
	t.pid = -1;
	settle(); /* what it wrote last */
	printf("%d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return true;
}

static bool modes(void)
{
	struct termios termios;

	settle();
	if (tcgetattr(t.fd, &termios) < 0)
		return false;
	printf("%s %s %s\n", termios.c_lflag & ICANON && termios.c_lflag & ECHO ? "cooked" : "raw",
	       t.alternate ? "alternate" : "main", t.hidden_cursor ? "hidden" : "cursor");
	return true;
}

static bool colours(void)
{
	int n = 0;

	for (int y = 0; y < t.rows; y++) {
		for (int x = 0; x < t.columns; x++)
			n += t.colours[y][x];
	}
	printf("%d\n", n);
	return true;
}

static bool command(const char *name, const char *rest)
{
	if (strcmp(name, "wait") == 0 || strcmp(name, "gone") == 0)
		return wait_for(rest, *name == 'w');
	if (strcmp(name, "send") == 0)
		return send_text(rest);
	if (strcmp(name, "screen") == 0) {
		settle();
		print_screen();
		return true;
	}
	if (strcmp(name, "resize") == 0)
		return resize(rest);
	if (strcmp(name, "signal") == 0)
		return send_signal(rest);
	if (strcmp(name, "stopped") == 0)
		return stopped();
	if (strcmp(name, "colours") == 0)
		return colours();
	if (strcmp(name, "modes") == 0)
		return modes();
	return strcmp(name, "end") == 0 && end();
}

int main(int argc, char **argv)
{
	char line[4096];
	struct winsize size = {0};

	if (argc < 4) {
		fprintf(stderr, "pty: COLUMNS ROWS PROGRAM [ARGUMENT]...\n");
		return 2;
	}
	t.columns = atoi(argv[1]);
	t.rows = atoi(argv[2]);
	if (t.columns < 1 || t.columns > COLUMNS_MAX || t.rows < 2 || t.rows > ROWS_MAX)
		return 2;
	size.ws_col = (unsigned short)t.columns;
	size.ws_row = (unsigned short)t.rows;
	clear();
	t.pid = forkpty(&t.fd, NULL, NULL, &size);
	if (t.pid < 0) {
		perror("pty");
		return 1;
	}
	if (t.pid == 0) {
		/* As from a login shell, whatever a background job ignores. */
		for (int signo = SIGHUP; signo <= SIGQUIT; signo++)
			signal(signo, SIG_DFL);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bool ok = true;
	while (ok && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		char *rest = line + strcspn(line, " ");
		if (*rest)
			*rest++ = '\0';
		ok = command(line, rest);
		printf("%s %s %s\n", ok ? "ok" : "failed", line, rest);
		if (!ok)
			print_screen();
	}
	if (t.pid > 0) {
		kill(t.pid, SIGKILL);
		waitpid(t.pid, NULL, 0);
	}
	if (*t.unknown)
		fprintf(stderr, "pty: a sequence that is not known: %s\n", t.unknown);
	return !ok || *t.unknown;
}
