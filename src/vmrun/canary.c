/* SPDX-License-Identifier: MIT */
#include "vmrun/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "vmrun/child.h"
#include "vmrun/console.h"
#include "vmrun/qemu.h"

/* The end of a boot that has no root: all of the kernel's start lies before it. */
#define READY "VFS: Unable to mount root fs"

/* Enough for the kernel's log of one boot. */
#define CONSOLE_KEPT 65536

static void make_argv(struct argv *a, const char *qemu, const char *kernel, const char *accel,
		      const char *cpu)
{
	const char *const args[] = {
	    qemu,
	    "-M",
	    "q35",
	    "-accel",
	    accel,
	    "-cpu",
	    cpu,
	    "-m",
	    "128",
	    "-nodefaults",
	    "-no-user-config",
	    "-display",
	    "none",
	    "-no-reboot",
	    "-kernel",
	    kernel,
	    "-append",
	    "console=ttyS0 panic=-1 reboot=t nokaslr no_timer_check",
	};
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		argv_add(a, "%s", args[i]);
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=con,fd=%d", CHILD_FD_FIRST);
	argv_add(a, "-serial");
	argv_add(a, "chardev:con");
}

static void keep_last(const char *line, size_t len, void *data)
{
	struct canary *c = data;

	if (len)
		snprintf(c->reason, sizeof(c->reason), "%s", line);
}

/* Puts the last line of `text` behind a few words. */
static void explain(struct canary *c, const char *how, const struct buf *text)
{
	struct line_reader *r = line_reader_new(keep_last, c);
	char last[200];

	c->reason[0] = '\0';
	if (r) {
		line_reader_feed(r, text->data, text->len);
		line_reader_finish(r);
		line_reader_free(r);
	}
	snprintf(last, sizeof(last), "%.*s", (int)sizeof(last) - 1, c->reason);
	snprintf(c->reason, sizeof(c->reason), "%s%s%s%s", how, last[0] ? " \"" : "", last,
		 last[0] ? "\"" : "");
}

/* Takes what is there; false at the end of the stream. */
static bool drain(int fd, struct buf *b)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0 && b->len < CONSOLE_KEPT)
		buf_append(b, chunk, n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Follows the child until READY, its end, or the deadline. */
static void follow(struct canary *c, struct child *child, int console, int errors, int64_t start,
		   int64_t deadline_ms)
{
	struct buf out = {0}, err = {0};
	struct pollfd p[] = {{.fd = console, .events = POLLIN},
			     {.fd = errors, .events = POLLIN},
			     {.fd = child->pidfd, .events = POLLIN}};
	const char *how = NULL;

	while (!c->ok && !how) {
		int64_t left = deadline_ms - (clock_mono_ns() - start) / NS_PER_MS;
		if (left <= 0 || poll(p, ARRAY_SIZE(p), (int)left) == 0) {
			how = out.len ? "the guest hung at" : "the guest hung without a word";
			break;
		}
		if (p[0].revents && !drain(console, &out))
			p[0].fd = -1;
		if (p[1].revents && !drain(errors, &err))
			p[1].fd = -1;
		c->ok = out.len && memmem(out.data, out.len, READY, strlen(READY));
		if (!c->ok && p[2].revents && p[0].fd < 0 && p[1].fd < 0)
			how = "QEMU ended:";
	}
	c->ms = (clock_mono_ns() - start) / NS_PER_MS;
	if (how)
		explain(c, how, err.len ? &err : &out);
	buf_free(&out);
	buf_free(&err);
}

void canary_boot(struct canary *c, const char *qemu, const char *kernel, const char *accel, const char *cpu,
		 int64_t deadline_ms)
{
	int console[2], errors[2], status;
	struct argv argv = {0};
	struct child child = {0};

	*c = (struct canary){0};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0 || pipe2(errors, O_CLOEXEC) < 0) {
		snprintf(c->reason, sizeof(c->reason), "%s", strerror(errno));
		return;
	}
	make_argv(&argv, qemu, kernel, accel, cpu);
	int64_t start = clock_mono_ns();
	int r = child_spawn(&child, argv.v, &console[1], 1, errors[1]);
	close(console[1]);
	close(errors[1]);
	if (r == 0) {
		follow(c, &child, console[0], errors[0], start, deadline_ms);
		child_kill(&child);
		child_reap(&child, true, &status);
	} else {
		snprintf(c->reason, sizeof(c->reason), "cannot run %s: %s", qemu, strerror(-r));
	}
	close(console[0]);
	close(errors[0]);
	argv_free(&argv);
}
