/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_QMP_H
#define VMRUN_QMP_H
/*
 * A client of the QEMU Machine Protocol over an inherited socket, on the event
 * loop. Commands are sent at once and answered in any order; nothing blocks.
 */
#include <jansson.h>

struct loop;
struct qmp;

/* "QMP" is the greeting; everything else is an event of QEMU with its whole message. */
typedef void (*qmp_event_fn)(const char *event, const json_t *message, void *data);
/* `error` is NULL on success; `result` is then what the command returned. Both are borrowed. */
typedef void (*qmp_reply_fn)(const json_t *result, const char *error, void *data);

/* Takes over fd. NULL with errno. */
struct qmp *qmp_open(struct loop *loop, int fd, qmp_event_fn fn, void *data);
/* Pending replies are never delivered after it. */
void qmp_close(struct qmp *q);

/* Takes over `arguments` (may be NULL). `reply` may be NULL. 0 or -errno. */
int qmp_command(struct qmp *q, const char *name, json_t *arguments, qmp_reply_fn reply, void *data);
/* A command of the human monitor; the result is a string. */
int qmp_human(struct qmp *q, const char *command_line, qmp_reply_fn reply, void *data);

#endif
