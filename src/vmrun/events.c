/* SPDX-License-Identifier: MIT */
#include "vmrun/events.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/input.h"
#include "base/log.h"
#include "vmrun/judge.h"

struct events {
	FILE *file;
	struct judge *judge;
	int64_t launch_ns;
	bool warned;
	uint64_t left_out; /* events of the guest beyond EVENTS_GUEST_MAX */
};

struct events *events_open(const char *path, struct judge *judge)
{
	struct events *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->judge = judge;
	e->launch_ns = clock_mono_ns();
	if (path && !(e->file = fopen(path, "we"))) {
		int saved = errno;
		free(e);
		errno = saved;
		return NULL;
	}
	return e;
}

void events_close(struct events *e)
{
	if (!e)
		return;
	if (e->left_out > 0)
		log_warn("vmrun", "events.jsonl: %llu events of the guest beyond %lld MiB were omitted",
			 (unsigned long long)e->left_out, (long long)(EVENTS_GUEST_MAX >> 20));
	if (e->file && fclose(e->file) != 0)
		log_warn("vmrun", "events.jsonl is incomplete: %s", strerror(errno));
	free(e);
}

void events_launch(struct events *e)
{
	e->launch_ns = clock_mono_ns();
}

int64_t events_now_ms(const struct events *e)
{
	return (clock_mono_ns() - e->launch_ns) / NS_PER_MS;
}

void events_emit(struct events *e, const char *ev, json_t *fields)
{
	json_t *event = json_pack("{s:I, s:s}", "t_ms", (json_int_t)events_now_ms(e), "ev", ev);

	if (fields) {
		json_object_update(event, fields);
		json_decref(fields);
	}
	if (e->file) {
		/* Flushed after each line: the events of a killed runner can still be judged. */
		bool bad = json_dumpf(event, e->file, JSON_COMPACT) < 0 || fputc('\n', e->file) == EOF ||
			   fflush(e->file) != 0;
		if (bad && !e->warned) {
			log_warn("vmrun", "cannot write events.jsonl: %s", strerror(errno));
			e->warned = true;
		}
	}
	judge_feed(e->judge, event);
	json_decref(event);
}

bool events_emit_guest(struct events *e, const char *ev, json_t *fields)
{
	if (!e->file || ftello(e->file) < EVENTS_GUEST_MAX) {
		events_emit(e, ev, fields);
		return true;
	}
	json_decref(fields);
	e->left_out++;
	return false;
}

int events_replay_stream(FILE *f, struct judge *judge)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int fed = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) > 0) {
		json_t *event = json_loadb(line, n, 0, NULL);
		if (json_is_object(event)) {
			judge_feed(judge, event);
			fed++;
		}
		json_decref(event);
	}
	return fed ? 0 : -EINVAL;
}

int events_replay(const char *path, struct judge *judge)
{
	_cleanup_fclose_ FILE *f = input_fopen(path);

	return f ? events_replay_stream(f, judge) : -errno;
}
