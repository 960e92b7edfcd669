/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_SHELL_H
#define VMRUN_SHELL_H
/*
 * The shell on the guest's second serial port, for people: on a TCP port of
 * 127.0.0.1 (one client at a time; a new one takes over), or on the runner's own
 * terminal. A guest that sees xtcp2.shell on its command line serves it.
 */
#include <stdbool.h>
#include <stddef.h>

struct loop;
struct vm;
struct shell;

/* The port on which a kept machine's shell is found. */
#define SHELL_PORT 12055

/* Leaves the terminal and ends the machine. */
#define SHELL_ESCAPE_CHAR 0x1d
#define SHELL_ESCAPE_NAME "Ctrl-]"

/* `end` is called when the user leaves the terminal. NULL with errno. */
struct shell *shell_new(struct loop *loop, struct vm *vm, void (*end)(void *data), void *data);
/* Restores the terminal. */
void shell_free(struct shell *s);

/* Listens; port 0 lets the kernel pick. The port or -errno. */
int shell_listen(struct shell *s, int port);
/* Takes the terminal over: raw mode. 0 or -errno (-ENOTTY). */
int shell_terminal(struct shell *s);
/* Passes on what the guest's shell said. */
void shell_output(struct shell *s, const void *bytes, size_t n);

#endif
