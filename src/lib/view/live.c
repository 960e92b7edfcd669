/* SPDX-License-Identifier: MIT */
#include "view/live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "view/keys.h"

/* Lines of the plain table, where no terminal tells its height. */
#define PLAIN_LINES 25

/* The alternate screen without a cursor, and back. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[0m\033[?25h\033[?1049l"

struct live {
	struct live_options options;
	struct loop_watch signals, keys, refresh;
	struct keys state;
	bool terminal; /* stdin and stdout are one */
	bool entered;
	bool colours;
	struct termios saved;
	struct buf out;
};

static void flush(struct live *l)
{
	size_t done = 0;

	while (done < l->out.len) {
		ssize_t n = write(STDOUT_FILENO, l->out.data + done, l->out.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* A reader that went away (head, less) is a normal end. */
			l->options.end(l->options.data, errno != EPIPE);
			break;
		}
		done += (size_t)n;
	}
	buf_reset(&l->out);
}

static void enter(struct live *l)
{
	struct termios raw = l->saved;

	/* ISIG stays: Ctrl-C and Ctrl-Z are signals like any other. */
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	buf_str(&l->out, SCREEN_ENTER);
	flush(l);
	l->entered = true;
}

static void leave(struct live *l)
{
	if (!l->entered)
		return;
	l->entered = false;
	buf_str(&l->out, SCREEN_LEAVE);
	flush(l);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &l->saved);
}

/* Home, then each line with the rest of it erased, then all below: no flicker. */
static void paint(struct live *l, const struct buf *screen)
{
	buf_str(&l->out, "\033[H");
	for (size_t i = 0; i < screen->len; i++) {
		if (screen->data[i] != '\n')
			buf_byte(&l->out, screen->data[i]);
		else
			buf_str(&l->out, i + 1 < screen->len ? "\033[K\r\n" : "\033[K");
	}
	buf_str(&l->out, "\033[J");
}

void live_draw(struct live *l)
{
	struct winsize size = {0};
	_cleanup_buf_ struct buf screen = {0};

	if (!l->entered)
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){.ws_row = PLAIN_LINES, .ws_col = 80};
	keys_screen(&l->state, l->options.top, size.ws_col, size.ws_row, l->colours, &screen);
	paint(l, &screen);
	flush(l);
}

static void on_refresh(struct loop_watch *w, uint32_t events)
{
	struct live *l = w->data;
	const struct top_paper plain = {.height = PLAIN_LINES, .title = true};

	loop_timer_read(w);
	if (l->terminal) {
		live_draw(l);
		return;
	}
	top_render(l->options.top, &plain, &l->out);
	buf_byte(&l->out, '\n');
	flush(l);
}

static void on_keys(struct loop_watch *w, uint32_t events)
{
	struct live *l = w->data;
	char bytes[64];
	ssize_t n = read(w->fd, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0 || !keys_take(&l->state, l->options.top, bytes, (size_t)n))
		l->options.end(l->options.data, 0);
	else
		live_draw(l);
}

/* Stop as any program does on Ctrl-Z, with the terminal as it was. */
static void suspend(struct live *l)
{
	leave(l);
	kill(getpid(), SIGSTOP);
	if (l->terminal)
		enter(l);
	live_draw(l);
}

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct live *l = w->data;

	switch (loop_signals_read(w)) {
	case 0:
		break;
	case SIGTSTP:
		suspend(l);
		break;
	case SIGCONT: /* the shell may have changed the terminal meanwhile */
		if (l->terminal)
			enter(l);
		/* fallthrough */
	case SIGWINCH:
		live_draw(l);
		break;
	default:
		l->options.end(l->options.data, 0);
	}
}

static int watches_open(struct live *l)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, 0};
	struct loop *loop = l->options.loop;

	l->signals = (struct loop_watch){.fd = -1, .name = "signals", .fn = on_signal, .data = l};
	l->refresh = (struct loop_watch){.fd = -1, .name = "refresh", .fn = on_refresh, .data = l};
	l->keys = (struct loop_watch){STDIN_FILENO, "keys", on_keys, l};
	int r = loop_signals_open(loop, &l->signals, signals);
	if (r == 0)
		r = loop_timer_open(loop, &l->refresh);
	if (r == 0)
		r = loop_timer_set(&l->refresh, l->options.refresh_ns, l->options.refresh_ns);
	if (r == 0 && l->terminal)
		r = loop_add(loop, &l->keys, EPOLLIN);
	return r;
}

struct live *live_new(const struct live_options *options)
{
	struct live *l = calloc(1, sizeof(*l));
	const char *no_color = getenv("NO_COLOR");

	if (!l)
		return NULL;
	l->options = *options;
	l->colours = !no_color || !*no_color;
	l->terminal =
	    isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &l->saved) == 0;
	int r = watches_open(l);
	if (r < 0) {
		live_free(l);
		errno = -r;
		return NULL;
	}
	if (l->terminal)
		enter(l);
	live_draw(l);
	return l;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	leave(l);
	loop_remove(l->options.loop, &l->keys);
	loop_timer_close(l->options.loop, &l->refresh);
	loop_signals_close(l->options.loop, &l->signals);
	buf_free(&l->out);
	free(l);
}
