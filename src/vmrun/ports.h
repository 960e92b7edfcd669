/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_PORTS_H
#define VMRUN_PORTS_H
/* TCP ports on 127.0.0.1 that are forwarded to the machine. */
#include <stdbool.h>
#include <stddef.h>

#include "vmrun/flavor.h"

#define PORT_HOLDER_MAX 128

/* Test whether 127.0.0.1:port can be listened on. Return 0, -EADDRINUSE or another -errno. */
int port_probe(int port);

/*
 * Write the name of the process that listens on the port ("nginx (pid 123)"), from
 * /proc/net/tcp and /proc/<pid>/fd; "another process" when it is invisible (of
 * another user or in another namespace).
 */
void port_holder(int port, char who[static PORT_HOLDER_MAX]);

/* Return the host port forwarded to guest_port by the text of QEMU's "info usernet"; 0 when there is none. */
int port_from_usernet(const char *text, int guest_port);

/* Return a new array of the flavor's forwards: name, host, guest. `usernet` is the text of "info usernet",
 * which knows the host ports that QEMU chose; without it (NULL) they are the flavor's. */
json_t *ports_json(const struct flavor *f, const char *usernet);

#endif
