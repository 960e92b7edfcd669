/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_VM_H
#define VMRUN_VM_H
/*
 * A running machine: the QEMU process and its channels on the event loop. Their
 * output goes to the owner's functions; this module knows no deadlines or
 * verdicts. Everything runs on the loop's thread.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "vmrun/child.h"
#include "vmrun/qemu.h"

struct line_reader;
struct qmp;

struct vm_ops {
	/* Bytes of any channel but CHANNEL_QMP. */
	void (*bytes)(enum channel channel, const void *bytes, size_t n, void *data);
	void (*qmp)(const char *event, const json_t *message, void *data);
	void (*error_line)(const char *line, void *data); /* a line from QEMU's standard error */
	/* QEMU has ended and every channel has been read to its end; `status` is from wait(2). */
	void (*exited)(int status, void *data);
};

struct vm {
	struct loop *loop;
	const struct vm_ops *ops;
	void *data;
	struct child child; /* pid 0: not running */
	struct loop_watch watch[CHANNELS], exit_watch, error_watch;
	struct line_reader *errors;
	struct qmp *qmp;
	bool killed; /* the runner sent the signal */
};

/* Start argv; `ops` get `data`. Return 0 or -errno; call vm_close() in both cases. */
int vm_start(struct vm *vm, struct loop *loop, char *const argv[], const struct vm_ops *ops, void *data);

/* Write to a channel; bytes that do not fit into the socket are lost. Return 0 or -errno. */
int vm_write(struct vm *vm, enum channel channel, const void *bytes, size_t n);

/* Run the loop for `ms`, or until it is stopped. Do not call it from a callback. */
void vm_pump(struct vm *vm, int64_t ms);

/* End the machine: "quit", then SIGKILL. Return once it is reaped and ops->exited() was called. */
void vm_stop(struct vm *vm);
void vm_close(struct vm *vm);

#endif
