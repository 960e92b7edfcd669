/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_EVENTS_H
#define VMRUN_EVENTS_H
/*
 * The run as a list of events, one JSON object a line in events.jsonl: the one
 * source from which the verdict and every report are made, live or replayed.
 * Every event has "t_ms" (milliseconds since launch) and "ev", one of:
 *
 *	run        flavor, nonce, checks[], allow[], accel, accel_reason, scale, fail_fast, image{}, argv[]
 *	spawn      pid                       QEMU (or the launcher) runs
 *	started    ports[]                   the guest's first instruction
 *	record     line                      a line of the results port, as it came
 *	console    class, line               a console line that means something
 *	artifact   name, size, error?        an artifact that ended
 *	qmp        event, data               an event of QEMU
 *	stderr     line                      a line QEMU wrote to standard error
 *	timeout    kind, text                a deadline passed, the host ends the run
 *	stop       reason                    the host ends the run: "bye", "fail-fast", "interrupt", "flood"
 *	exit       code | signal, killed     QEMU is gone; killed: by the host
 *	error      text                      the machine could not be run
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A guest may fill events.jsonl up to here, as it may console.log; what it says then is left out and counted. */
#define EVENTS_GUEST_MAX (INT64_C(64) << 20)

struct judge;

struct events;
/* Writes to path (NULL: nowhere) and feeds `judge` with each event. NULL with errno. */
struct events *events_open(const char *path, struct judge *judge);
void events_close(struct events *e);
/* Sets the moment that t_ms counts from; it is the moment of events_open() before. */
void events_launch(struct events *e);
int64_t events_now_ms(const struct events *e);

/* Takes over `fields` (an object, or NULL). An event that cannot be written is a warning, once. */
void events_emit(struct events *e, const char *ev, json_t *fields);

/* The same for what the guest makes happen. False when it was left out: neither written nor judged. */
bool events_emit_guest(struct events *e, const char *ev, json_t *fields);

/* Feeds a recorded file to `judge`. A last line that was cut is left out.
 * 0, -errno, -EINVAL when nothing is usable. */
int events_replay(const char *path, struct judge *judge);
/* The same from an open file, which stays open. */
int events_replay_stream(FILE *f, struct judge *judge);

#endif
