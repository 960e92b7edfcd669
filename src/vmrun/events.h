/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_EVENTS_H
#define VMRUN_EVENTS_H
/*
 * The run as a list of events, one JSON object per line of events.jsonl. The verdict
 * and every report are made from these events alone, live or replayed.
 * Every event has "t_ms" (milliseconds since launch) and "ev", one of:
 *
 *	run        flavor, nonce, checks[], allow[], accel, accel_reason, scale, fail_fast, image{}, argv[]
 *	spawn      pid                       QEMU (or the launcher) runs
 *	started    ports[]                   the guest's first instruction
 *	record     line                      a line of the results port, unchanged
 *	console    class, line               a console line of a class other than plain text
 *	artifact   name, size, error?        an artifact, stored or failed
 *	qmp        event, data               an event of QEMU
 *	stderr     line                      a line QEMU wrote to standard error
 *	timeout    kind, text                a deadline passed, the host ends the run
 *	stop       reason                    the host ends the run: "bye", "fail-fast", "interrupt", "flood"
 *	exit       code | signal, killed     QEMU has ended; killed: by the host
 *	error      text                      the machine could not be run
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The guest's share of events.jsonl, and of console.log; events beyond it are omitted and counted. */
#define EVENTS_GUEST_MAX (INT64_C(64) << 20)

struct judge;

struct events;
/* Start a list that writes to path (NULL: no file) and feeds each event to `judge`. NULL with errno. */
struct events *events_open(const char *path, struct judge *judge);
void events_close(struct events *e);
/* Set the origin of t_ms to now; until then it is the time of events_open(). */
void events_launch(struct events *e);
int64_t events_now_ms(const struct events *e);

/* Emit an event; takes over `fields` (an object, or NULL). The first failure to write is logged. */
void events_emit(struct events *e, const char *ev, json_t *fields);

/* Emit an event that the guest caused. Return false beyond EVENTS_GUEST_MAX: neither written nor judged. */
bool events_emit_guest(struct events *e, const char *ev, json_t *fields);

/* Feed a recorded file to `judge`, without a last line that was cut.
 * Return 0, -errno, or -EINVAL when nothing is usable. */
int events_replay(const char *path, struct judge *judge);
/* Feed a recording to `judge` from an open file, which stays open. */
int events_replay_stream(FILE *f, struct judge *judge);

#endif
