/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_QMP_H
#define VMRUN_QMP_H
/*
 * A client of the QEMU Machine Protocol on an inherited socket and the event loop.
 * Commands are sent at once and answered in any order; no function blocks.
 */
#include <jansson.h>

struct loop;
struct qmp;

/* Called with "QMP" for the greeting, and for each event of QEMU with its whole message. */
typedef void (*qmp_event_fn)(const char *event, const json_t *message, void *data);
/* `error` is NULL on success; `result` is then the command's return value. Both are borrowed. */
typedef void (*qmp_reply_fn)(const json_t *result, const char *error, void *data);

/* Open a client; takes over fd. NULL with errno. */
struct qmp *qmp_open(struct loop *loop, int fd, qmp_event_fn fn, void *data);
/* Close the client; pending replies are not delivered. */
void qmp_close(struct qmp *q);

/* Send a command; takes over `arguments` (may be NULL). `reply` may be NULL. Return 0 or -errno. */
int qmp_command(struct qmp *q, const char *name, json_t *arguments, qmp_reply_fn reply, void *data);
/* Send a command of the human monitor; the result is a string. */
int qmp_human(struct qmp *q, const char *command_line, qmp_reply_fn reply, void *data);

#endif
