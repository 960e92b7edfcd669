/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_PORTS_H
#define VMRUN_PORTS_H
/* TCP ports of 127.0.0.1 that the machine's ports are forwarded to. */
#include <stdbool.h>
#include <stddef.h>

#include "vmrun/flavor.h"

#define PORT_HOLDER_MAX 128

/* Tries to listen on 127.0.0.1:port. 0, -EADDRINUSE, or another -errno. */
int port_probe(int port);

/*
 * Writes who listens on the port ("nginx (pid 123)"), from /proc/net/tcp and
 * /proc/<pid>/fd; "another process" when it cannot be seen (another user's, or
 * another namespace's).
 */
void port_holder(int port, char who[static PORT_HOLDER_MAX]);

/* The host port of a forward to guest_port in the text of QEMU's "info usernet"; 0 when there is none. */
int port_from_usernet(const char *text, int guest_port);

/* The flavor's forwards as that text, which may be NULL,
 * says QEMU made them: a new array of name, host, guest. */
json_t *ports_json(const struct flavor *f, const char *usernet);

#endif
