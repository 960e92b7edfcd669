/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_VM_H
#define VMRUN_VM_H
/*
 * A running machine: the QEMU process and its channels on the event loop. What
 * comes out of them goes to the owner's functions; deadlines and verdicts are
 * not its business. All of it happens on the loop's thread.
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
	void (*error_line)(const char *line, void *data); /* what QEMU wrote to standard error */
	/* QEMU is gone and every channel has been read to its end; the wait(2) status. */
	void (*exited)(int status, void *data);
};

struct vm {
	struct loop *loop;
	const struct vm_ops *ops;
	void *data;
	struct child child; /* pid 0: it does not run */
	struct loop_watch watch[CHANNELS], exit_watch, error_watch;
	struct line_reader *errors;
	struct qmp *qmp;
	bool killed; /* the runner sent the signal */
};

/* Starts argv with `ops` to be called with `data`. 0 or -errno; vm_close() is due either way. */
int vm_start(struct vm *vm, struct loop *loop, char *const argv[], const struct vm_ops *ops, void *data);

/* Writes to a channel; what does not fit into the socket at once is lost. 0 or -errno. */
int vm_write(struct vm *vm, enum channel channel, const void *bytes, size_t n);

/* Runs the loop for that long, or until something stops it. Not from within a callback. */
void vm_pump(struct vm *vm, int64_t ms);

/* Ends it: "quit", then SIGKILL. Returns when the process is reaped and ops->exited() was called. */
void vm_stop(struct vm *vm);
void vm_close(struct vm *vm);

#endif
