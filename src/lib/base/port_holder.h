/* SPDX-License-Identifier: MIT */
#ifndef BASE_PORT_HOLDER_H
#define BASE_PORT_HOLDER_H
/* Who has a TCP port: for messages about a port that is in use. */

#define PORT_HOLDER_MAX 128

/*
 * Write the name of the process that listens on the port in this network namespace
 * ("nginx (pid 123)"), from /proc/net/tcp and /proc/<pid>/fd; "another process" when
 * it is invisible (of another user or in another pid namespace). Reads the
 * descriptors of all processes.
 */
void port_holder(int port, char who[static PORT_HOLDER_MAX]);

#endif
