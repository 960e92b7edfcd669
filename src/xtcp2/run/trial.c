/* SPDX-License-Identifier: MIT */
#include "run/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* A start takes milliseconds; only a look-up of a name at a silent server may exceed this limit. */
#define TRIAL_NS   (10 * NS_PER_SEC)
/* The longest report in bytes; a longer one is truncated. */
#define REPORT_MAX 2048

struct trial {
	struct loop *loop;
	pid_t pid;
	struct loop_watch report, limit;
	char text[REPORT_MAX];
	size_t len;
	trial_fn done;
	void *data;
};

/* Wait for the child, after killing it if by_force. Return its status. */
static int reap(struct trial *t, bool by_force)
{
	int status = 0;

	if (by_force)
		kill(t->pid, SIGKILL);
	while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
		;
	t->pid = -1;
	return status;
}

/* Report the result of the trial: the child has closed its report and is ending or has ended. */
static void judge(struct trial *t)
{
	int status = reap(t, false);
	char *sentence = memchr(t->text, '\n', t->len);

	if (sentence) {
		*sentence++ = '\0';
		t->done(t->data, t->text, sentence);
	} else if (WIFSIGNALED(status)) {
		snprintf(t->text, sizeof(t->text), "its start ends in signal %d", WTERMSIG(status));
		t->done(t->data, "", t->text);
	} else if (status != 0) {
		snprintf(t->text, sizeof(t->text), "its start ends with status %d", WEXITSTATUS(status));
		t->done(t->data, "", t->text);
	} else {
		t->done(t->data, NULL, NULL);
	}
}

static void on_report(struct loop_watch *w, uint32_t events)
{
	struct trial *t = w->data;
	char rest[256];
	size_t room = sizeof(t->text) - 1 - t->len;
	ssize_t n = room ? read(w->fd, t->text + t->len, room) : read(w->fd, rest, sizeof(rest));

	if (n > 0) {
		t->len += room ? (size_t)n : 0;
		t->text[t->len] = '\0';
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	judge(t);
}

static void on_limit(struct loop_watch *w, uint32_t events)
{
	struct trial *t = w->data;

	loop_timer_read(w);
	reap(t, true);
	snprintf(t->text, sizeof(t->text), "it does not start within %lld s",
		 (long long)(TRIAL_NS / NS_PER_SEC));
	t->done(t->data, "", t->text);
}

struct trial *trial_start(struct loop *loop, const struct config *config, const struct handover *left,
			  char *name, trial_fn done, void *data)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct trial){.loop = loop, .pid = -1, .done = done, .data = data};
	t->report = (struct loop_watch){.fd = -1, .name = "trial", .fn = on_report, .data = t};
	t->limit = (struct loop_watch){.fd = -1, .name = "trial limit", .fn = on_limit, .data = t};
	int r = loop_timer_open(loop, &t->limit);
	if (r == 0)
		r = loop_timer_set(&t->limit, TRIAL_NS, 0);
	if (r == 0)
		r = t->pid = handover_try(config, left, name, &t->report.fd);
	if (r > 0)
		r = loop_add(loop, &t->report, EPOLLIN);
	if (r < 0) {
		trial_free(t);
		errno = -r;
		return NULL;
	}
	return t;
}

void trial_free(struct trial *t)
{
	if (!t)
		return;
	if (t->pid > 0)
		reap(t, true);
	if (t->report.fd >= 0) {
		loop_remove(t->loop, &t->report);
		close(t->report.fd);
	}
	loop_timer_close(t->loop, &t->limit);
	free(t);
}
