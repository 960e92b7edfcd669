/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_PORTS_H
#define VMRUN_PORTS_H
/* TCP ports on 127.0.0.1 that are forwarded to the machine. */
#include <stdbool.h>
#include <stddef.h>

#include "vmrun/flavor.h"

/* Test whether 127.0.0.1:port can be listened on. Return 0, -EADDRINUSE or another -errno. */
int port_probe(int port);

/* Return the host port forwarded to guest_port by the text of QEMU's "info usernet"; 0 when there is none. */
int port_from_usernet(const char *text, int guest_port);

/* Return a new array of the flavor's forwards: name, host, guest. `usernet` is the text of "info usernet",
 * which knows the host ports that QEMU chose; without it (NULL) they are the flavor's. */
json_t *ports_json(const struct flavor *f, const char *usernet);

#endif
