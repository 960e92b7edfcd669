/* SPDX-License-Identifier: MIT */
#include "vmrun/qmp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"

/* Commands in flight at a time; the runner sends a handful. */
#define PENDING_MAX 32

struct pending {
	json_int_t id; /* 0: free */
	qmp_reply_fn fn;
	void *data;
};

struct qmp {
	struct loop *loop;
	struct loop_watch watch;
	qmp_event_fn fn;
	void *data;
	struct buf in;
	json_int_t last_id;
	struct pending pending[PENDING_MAX];
};

static void on_reply(struct qmp *q, const json_t *message)
{
	json_int_t id = json_integer_value(json_object_get(message, "id"));
	const json_t *error = json_object_get(message, "error");

	for (int i = 0; id && i < PENDING_MAX; i++) {
		if (q->pending[i].id != id)
			continue;
		struct pending p = q->pending[i];
		q->pending[i].id = 0;
		const char *desc = json_string_value(json_object_get(error, "desc"));
		if (p.fn)
			p.fn(json_object_get(message, "return"), error ? desc ? desc : "error" : NULL,
			     p.data);
		return;
	}
}

static void on_message(struct qmp *q, const json_t *message)
{
	const char *event = json_string_value(json_object_get(message, "event"));

	if (json_object_get(message, "QMP"))
		q->fn("QMP", message, q->data);
	else if (event)
		q->fn(event, message, q->data);
	else
		on_reply(q, message);
}

static void on_readable(struct loop_watch *w, uint32_t events)
{
	struct qmp *q = w->data;
	uint8_t chunk[16384];
	ssize_t n = recv(w->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* QEMU has ended: the pidfd reports how */
		loop_remove(q->loop, w);
		return;
	}
	buf_append(&q->in, chunk, n);
	for (;;) {
		uint8_t *end = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
		if (!end)
			return;
		size_t len = end - q->in.data;
		json_t *message = json_loadb((const char *)q->in.data, len, 0, NULL);
		buf_consume(&q->in, len + 1);
		if (message)
			on_message(q, message);
		json_decref(message);
	}
}

struct qmp *qmp_open(struct loop *loop, int fd, qmp_event_fn fn, void *data)
{
	struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->loop = loop;
	q->fn = fn;
	q->data = data;
	q->watch = (struct loop_watch){.fd = fd, .name = "qmp", .fn = on_readable, .data = q};
	int r = loop_add(loop, &q->watch, EPOLLIN);
	if (r < 0) {
		free(q);
		errno = -r;
		return NULL;
	}
	return q;
}

void qmp_close(struct qmp *q)
{
	if (!q)
		return;
	loop_remove(q->loop, &q->watch);
	close(q->watch.fd);
	buf_free(&q->in);
	free(q);
}

int qmp_command(struct qmp *q, const char *name, json_t *arguments, qmp_reply_fn reply, void *data)
{
	struct pending *p = q->pending;

	while (p < q->pending + PENDING_MAX && p->id)
		p++;
	if (p == q->pending + PENDING_MAX) {
		json_decref(arguments);
		return -EBUSY;
	}
	json_t *message =
	    json_pack("{s:s, s:I, s:o*}", "execute", name, "id", ++q->last_id, "arguments", arguments);
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (!text)
		return -ENOMEM;
	size_t n = strlen(text);
	text[n++] = '\n';
	ssize_t sent = send(q->watch.fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	int r = sent == (ssize_t)n ? 0 : sent < 0 ? -errno : -EAGAIN;
	free(text);
	if (r == 0)
		*p = (struct pending){.id = q->last_id, .fn = reply, .data = data};
	return r;
}

int qmp_human(struct qmp *q, const char *command_line, qmp_reply_fn reply, void *data)
{
	return qmp_command(q, "human-monitor-command", json_pack("{s:s}", "command-line", command_line),
			   reply, data);
}
