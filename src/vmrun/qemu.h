/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_QEMU_H
#define VMRUN_QEMU_H
/*
 * QEMU's command line. Every channel is an inherited descriptor
 * (CHILD_FD_FIRST + enum channel), so concurrent runs cannot collide. -S holds
 * the guest until the runner reads all channels, so no output of the early boot
 * is lost.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmrun/arch.h"
#include "vmrun/flavor.h"

/* The shell is the guest's second serial port, or virtio's console where there is only one, which keeps its input out of the console's transcript. */
enum channel { CHANNEL_CONSOLE, CHANNEL_SHELL, CHANNEL_RESULT, CHANNEL_ARTIFACT, CHANNEL_QMP, CHANNELS };

/* A NULL-terminated argument vector that owns its strings. */
struct argv {
	char **v;
	size_t n;
	bool failed; /* no memory: the vector is incomplete */
};
void argv_add(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void argv_free(struct argv *a);
/* Return the vector as a new JSON array. */
json_t *argv_json(const struct argv *a);

struct machine {
	const struct arch *arch;
	const char *qemu, *type; /* type: the architecture's machine, or "microvm" */
	const char *accel, *cpu; /* "kvm" or "tcg"; QEMU's -cpu */
	const char *kernel, *initrd, *root, *append;
	const char *run_file; /* shown to the guest as fw_cfg opt/org.xtcp2/run; may be NULL */
	const struct flavor *flavor;
	bool ports_auto; /* the host's kernel chooses the host ports */
};

/* Append the whole command line of a machine that runs without a launcher. */
void qemu_argv(struct argv *a, const struct machine *m);

/*
 * Append the arguments that a launcher adds to its own command line: channels, the
 * devices that the runner needs, -S, forwards. No argument contains a blank.
 */
void qemu_launcher_args(struct argv *a, const struct machine *m);

#endif
