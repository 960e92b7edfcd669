/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_SHELL_H
#define VMRUN_SHELL_H
/*
 * The shell on the guest's second serial port, for people: on a TCP port of
 * 127.0.0.1 (one client at a time; a new one takes over), or on the runner's own
 * terminal. The guest serves it when xtcp2.shell is on its kernel command line.
 */
#include <stdbool.h>
#include <stddef.h>

struct loop;
struct vm;
struct shell;

/* The TCP port of the shell of a machine that stays up. */
#define SHELL_PORT 12055

/* The key that leaves the terminal and ends the machine. */
#define SHELL_ESCAPE_CHAR 0x1d
#define SHELL_ESCAPE_NAME "Ctrl-]"

/* Create the shell's relay. `end` is called when the user leaves the terminal. NULL with errno. */
struct shell *shell_new(struct loop *loop, struct vm *vm, void (*end)(void *data), void *data);
/* Restore the terminal and free the relay. */
void shell_free(struct shell *s);

/* Listen; port 0 lets the kernel choose. Return the port or -errno. */
int shell_listen(struct shell *s, int port);
/* Take over the terminal, in raw mode. Return 0 or -errno (-ENOTTY). */
int shell_terminal(struct shell *s);
/* Pass on output of the guest's shell. */
void shell_output(struct shell *s, const void *bytes, size_t n);

#endif
